"""Results: the list, each one's own page, and what can be done with it."""

import uuid
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import services
from classifier.models import Prediction, Status, may
from classifier.preprocessing import Crop
from classifier.web import health
from classifier.web.forms import CROP_CHOICES
from classifier.web.model_figures import data_name
from classifier.web.presenters import accuracy, outcome, seconds
from classifier.web.previews import crop_words

PAGE_SIZE: Final = 25
FOREIGN_ONLY: Final = "unlike-training"
# (age of the prediction, milliseconds between questions): often at first, then ever less.
POLLING: Final = (
    (timedelta(seconds=2), 200),
    (timedelta(seconds=10), 500),
    (timedelta(minutes=1), 2000),
    (timedelta.max, 5000),
)
LONG_WAIT: Final = timedelta(seconds=10)


@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    predictions = Prediction.objects.owned_by(request.user).with_relations()
    only_foreign = request.GET.get("show") == FOREIGN_ONLY
    if only_foreign:
        predictions = predictions.out_of_distribution()
    page = Paginator(predictions, PAGE_SIZE).get_page(request.GET.get("page"))
    pages = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    rows = [(prediction, outcome(prediction)) for prediction in page]
    context = {"page": page, "pages": pages, "rows": rows, "only_foreign": only_foreign}
    return render(request, "web/history.html", context)


@never_cache
@require_safe
def prediction(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    context = {**_context(found), "is_own": found.image.owner == request.user}
    return render(request, "web/prediction.html", context)


@never_cache
@require_safe
def status(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The changing part of the page; `seen` is the status that the page already announced."""
    found = _visible(request, pk)
    context = {**_context(found), "has_changed": request.GET.get("seen") != found.status}
    return render(request, "web/partials/status_response.html", context)


@require_POST
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _changeable(request, pk, "change")
    services.requeue(prediction=found)
    return redirect(found)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _changeable(request, pk, "delete")
    if request.method == "POST":
        services.delete_prediction(prediction=found)
        messages.success(request, f"The result for {found.image} was deleted.")
        return redirect("web:history")
    others = found.image.predictions.exclude(pk=found.pk).count()
    context = {"prediction": found, "outcome": outcome(found), "others": others}
    return render(request, "web/delete.html", context)


def _visible(request: HttpRequest, pk: uuid.UUID) -> Prediction:
    predictions = Prediction.objects.visible_to(request.user).with_relations()
    return get_object_or_404(predictions, pk=pk)


def _changeable(request: HttpRequest, pk: uuid.UUID, verb: str) -> Prediction:
    """One's own, or of someone else as the admin site would let one."""
    found = _visible(request, pk)
    if found.image.owner_id != request.user.pk and not may(request.user, verb, Prediction):
        raise PermissionDenied
    return found


def _context(prediction: Prediction) -> dict[str, Any]:
    image, model = prediction.image, prediction.trained_model
    return {
        "prediction": prediction,
        "outcome": outcome(prediction),
        "crop_words": crop_words((image.width, image.height), model, Crop(prediction.crop)),
        "crop_title": dict(CROP_CHOICES)[Crop(prediction.crop)],
        "accuracy": accuracy(model.evaluation) if model.evaluation else None,
        "data_name": data_name(model),
        "waited": seconds(prediction.created_at, prediction.started_at),
        "ran": seconds(prediction.started_at, prediction.finished_at),
        **({} if prediction.is_finished else _waiting(prediction)),
    }


def _waiting(prediction: Prediction) -> dict[str, Any]:
    age = timezone.now() - prediction.created_at
    is_queued = prediction.status == Status.PENDING
    return {
        "elapsed": max(0, int(age.total_seconds())),
        "poll_milliseconds": next(pause for limit, pause in POLLING if age < limit),
        "queue_position": prediction.queue_position if is_queued else 0,
        "queue_trouble": health.queue_trouble() if is_queued and age > LONG_WAIT else "",
    }
