"""A validation: how far it is, its figures, the images behind them, and its report."""

import uuid
from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import services
from classifier.models import Role, Validation, may
from classifier.services import validations
from classifier.validation.checklists import claim_rows, model_card_rows
from classifier.web.validation_page import page_of

IMAGES_SHOWN: Final = 500


@never_cache
@require_safe
def validation(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """All figures; while they are not there yet, how far it is."""
    found = _visible(request, pk)
    return render(request, "web/validation.html", _context(request, found))


@never_cache
@require_safe
def status(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How far it is, for the page that waits; the whole page again once it has ended."""
    found = _visible(request, pk)
    context = {"validation": found, "total": found.labelled_set.images.count()}
    answer = render(request, "web/partials/validation_progress.html", context)
    if found.is_finished:
        answer["HX-Refresh"] = "true"
    return answer


def _context(request: HttpRequest, found: Validation) -> dict[str, Any]:
    labelled_set = found.labelled_set
    role = labelled_set.role_of(request.user)
    context = {
        "validation": found,
        "labelled_set": labelled_set,
        "total": labelled_set.images.count(),
        "may_change": role in {Role.OWNER, Role.READER} or may(request.user, "change", Validation),
    }
    if found.report is None:
        return context
    settled = labelled_set.images.filter(settled_at__gt=found.finished_at or found.created_at)
    return context | {
        "page": page_of(found, request.GET),
        "settled_since": settled.count() if found.is_finished else 0,
        "doubtful": labelled_set.images.doubtful().count(),
    }


@never_cache
@require_safe
def images(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The images of a cell of the confusion matrix, of a row or of a column."""
    found, asked = _visible(request, pk), request.GET
    answers = found.answers.select_related("labelled_image__image")
    if label := asked.get("true"):
        answers = answers.filter(labelled_image__label=label)
    if label := asked.get("predicted"):
        answers = answers.filter(predicted_label=label)
    context = {
        "validation": found,
        "labelled_set": found.labelled_set,
        "true": asked.get("true", ""),
        "predicted": asked.get("predicted", ""),
        "number": answers.count(),
        "rows": [
            (answer, max(answer.probabilities)) for answer in answers.order_by("pk")[:IMAGES_SHOWN]
        ],
        "shown": IMAGES_SHOWN,
    }
    return render(request, "web/validation_images.html", context)


@never_cache
@require_safe
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The report to keep, made for print."""
    found = _visible(request, pk)
    if found.report is None:
        raise Http404("There are no figures yet.")
    page = page_of(found, request.GET)
    context = {
        **_context(request, found),
        "claim": claim_rows(page.report, found.trained_model.described),
        "card": model_card_rows(page.report, found.trained_model.described),
    }
    return render(request, "web/validation_report.html", context)


@require_POST
def again(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Work the figures out anew, with the labels as they are now."""
    found = _visible(request, pk)
    try:
        validations.work_out_again(person=cast(User, request.user), validation=found)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
    return redirect("web:validation", pk)


@never_cache
@require_http_methods(["POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    try:
        validations.delete_validation(person=cast(User, request.user), validation=found)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return redirect("web:validation", pk)
    messages.success(request, "The validation was deleted. Its images are kept.")
    return redirect("web:labelled_set", found.labelled_set_id)


def _visible(request: HttpRequest, pk: uuid.UUID) -> Validation:
    seen = Validation.objects.visible_to(request.user).with_relations()
    return get_object_or_404(seen.select_related("labelled_set__project", "trained_model"), pk=pk)
