"""What a batch comes to: its differential count, and how far its blind readers agree."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier import services
from classifier.models import Assignment, Batch, Role, may
from classifier.services import readings
from classifier.services.agreement import batch_agreement
from classifier.services.differential import batch_differential
from classifier.services.projects import NoSuchPerson
from classifier.web.count_page import count_rows
from classifier.web.views.gallery import Scope, batch_scope, take_step


def _frame(scope: Scope) -> dict[str, Any]:
    """What the head of the page needs."""
    return {
        "scope": scope,
        "batch": scope.batch,
        "gallery_url": scope.address(),
        "list_url": scope.address("list"),
    }


@never_cache
@require_safe
def differential(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    scope = batch_scope(request, pk)
    if scope.model is None or not scope.counts_cells:
        raise Http404("There are no cells to count.")
    # With its figures, which a gallery has no use for.
    scope.model.refresh_from_db()
    found = batch_differential(scope.found, scope.model)
    assert found  # noqa: S101, since it counts cells
    measured = scope.model.measured
    source = (
        scope.model.dataset_info.data_name(is_medmnist_file=measured.data.is_medmnist_file)
        if measured
        else ""
    )
    context = {
        **_frame(scope),
        "found": found,
        "rows": count_rows(found.count),
        "measured": measured,
        "source": source,
    }
    return render(request, "web/differential.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def agreement(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    scope = batch_scope(request, pk)
    batch = cast(Batch, scope.batch)
    if request.method == "POST":
        _change_readers(request, batch) if "label" not in request.POST else take_step(
            request, scope
        )
        return redirect("web:batch_agreement", pk)
    found = batch_agreement(batch)
    context = {
        **_frame(scope),
        "found": found,
        "assignments": [
            (each, found.answered.get(each.reader.username if each.reader else "", 0))
            for each in batch.assignments.select_related("reader")
        ],
        "is_owner": batch.role_of(request.user) == Role.OWNER or may(request.user, "change", Batch),
    }
    return render(request, "web/agreement.html", context)


def _change_readers(request: HttpRequest, batch: Batch) -> None:
    person, said = cast(User, request.user), request.POST
    try:
        if "end" in said:
            given = get_object_or_404(Assignment, pk=_key(said["end"]), batch=batch)
            readings.end(person=person, assignment=given)
            messages.success(request, "Ended. What the reader said is kept.")
        else:
            username = said.get("reader", "").strip()
            readings.assign(person=person, batch=batch, username=username)
            messages.success(request, f"Given to {username}, with the model’s answers hidden.")
    except (NoSuchPerson, services.NotAllowed, services.Locked) as refusal:
        messages.error(request, str(refusal))


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error
