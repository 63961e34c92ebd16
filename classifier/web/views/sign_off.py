"""Signing a batch off: the panel that says what is missing, and what its buttons do."""

import uuid
from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier import services
from classifier.models import Batch, Role, may


def seen_batch(request: HttpRequest, pk: uuid.UUID) -> Batch:
    """Raises Http404."""
    batches = Batch.objects.visible_to(request.user).select_related("project", "signed_by")
    return get_object_or_404(batches, pk=pk)


def panel(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """What `partials/sign_off.html` shows."""
    kept = batch.predictions.kept()
    return {
        "batch": batch,
        "is_owner": batch.role_of(request.user) == Role.OWNER or may(request.user, "change", Batch),
        "may_reopen": may(request.user, "change", Batch),
        "flagged": kept.flagged().count(),
        "unfinished": kept.unfinished().count(),
        "sign_offs": batch.sign_offs.select_related("person"),
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    batch = seen_batch(request, pk)
    if request.method != "POST":
        return render(request, "web/partials/sign_off.html", panel(request, batch))
    return _do(
        request, batch, services.sign, "Signed. Its reviews are locked and its counts stand."
    )


@require_POST
def reopen(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")[:1000]
    done = "Reopened. It can be reviewed again."
    return _do(request, seen_batch(request, pk), services.reopen, done, reason=reason)


@require_POST
def close(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _do(request, seen_batch(request, pk), services.close_batch, "No more images are added.")


def _do(
    request: HttpRequest, batch: Batch, step: Callable[..., Any], done: str, **said: str
) -> HttpResponse:
    try:
        step(person=cast(User, request.user), batch=batch, **said)
    except (services.BatchRefused, services.NotAllowed) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect("web:batch", batch.pk)
