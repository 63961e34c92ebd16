"""What a form's button does, and what the next page says of it."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest


def done(
    request: HttpRequest,
    refusals: tuple[type[Exception], ...],
    step: Callable[[], object],
    told: str = "",
) -> bool:
    """Whether a step was taken; what hinders it, one of the refusals, is said on the next page."""
    try:
        step()
    except refusals as refusal:
        messages.error(request, f"{refusal} Nothing was changed.")
        return False
    if told:
        messages.success(request, told)
    return True
