"""Blind reading: one image at a time, without what the model said."""

import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier import services
from classifier.models import Assignment
from classifier.services import readings as blind
from classifier.web.gallery_page import labels_of


@never_cache
@require_safe
def readings(request: HttpRequest) -> HttpResponse:
    """What the person has been given to read."""
    mine = Assignment.objects.hiding_from(request.user).filter(batch__deleted_at=None)
    given = mine.select_related("batch", "batch__owner")
    return render(request, "web/readings.html", {"assignments": given})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reading(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    mine = Assignment.objects.hiding_from(request.user).filter(batch__deleted_at=None)
    assignment = get_object_or_404(mine.select_related("batch"), pk=pk)
    if request.method == "POST":
        return _answer(request, assignment)
    # One result of each image, however many models answered.
    rows = blind.to_read(assignment).with_relations().defer("probabilities").in_order()
    images = list({row.image_id: row for row in reversed(rows)}.values())[::-1]
    answers = blind.answers(assignment, images)
    done = [each for each in images if each.pk in answers]
    waiting = [each for each in images if each.pk not in answers]
    wanted = request.GET.get("image", "")
    shown = next((each for each in images if str(each.pk) == wanted), None)
    shown = shown or next(iter(waiting), None)
    context = {
        "assignment": assignment,
        "shown": shown,
        "answer": answers.get(shown.pk) if shown else None,
        "labels": labels_of([shown.trained_model]) if shown else [],
        "done": len(done),
        "total": len(images),
        "last": max(done, key=lambda each: answers[each.pk].pk, default=None),
    }
    return render(request, "web/reading.html", context)


def _answer(request: HttpRequest, assignment: Assignment) -> HttpResponse:
    reader, said = cast(User, request.user), request.POST
    if "end" in said:
        blind.end(person=reader, assignment=assignment)
        messages.success(request, "Thank you. What you said is kept.")
        return redirect("web:readings")
    try:
        key = uuid.UUID(said.get("prediction", ""))
    except ValueError as error:
        raise BadRequest("This is no image.") from error
    prediction = get_object_or_404(blind.to_read(assignment), pk=key)
    try:
        blind.answer(
            reader=reader,
            assignment=assignment,
            prediction=prediction,
            label=said.get("label", ""),
            note=said.get("note", "")[:1000],
        )
    except (services.NotAllowed, services.Locked, services.ReviewRefused) as refusal:
        messages.error(request, f"{refusal} Nothing was changed.")
    return redirect(reverse("web:reading", args=[assignment.pk]))
