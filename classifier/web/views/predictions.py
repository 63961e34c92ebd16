"""Results: each one's own page, and what can be done with it."""

import uuid
from datetime import timedelta
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import services
from classifier.models import ImageUpload, Prediction, Status, may
from classifier.services import own_models, permissions
from classifier.web import health
from classifier.web.explanations import panels
from classifier.web.model_cards import view_of
from classifier.web.presenters import outcome, seconds
from classifier.web.previews import seen_words

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
def prediction(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    shown = panels(found, cast(User, request.user))
    context = {
        **_context(request, found),
        "is_own": found.owner_id == request.user.pk,
        "may_delete": may_delete(request, found),
        "panels": shown,
        "is_waiting": not found.is_finished or any(panel.is_waiting for panel in shown),
    }
    return render(request, "web/prediction.html", context)


@never_cache
@require_safe
def status(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The changing part of the page; `seen` is the status that the page already announced."""
    found = _visible(request, pk)
    context = {**_context(request, found), "has_changed": request.GET.get("seen") != found.status}
    if context["has_changed"]:
        context["panels"] = panels(found, cast(User, request.user))
    return render(request, "web/partials/status_response.html", context)


@require_POST
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    try:
        permissions.check_reads(cast(User, request.user), [found])
    except services.NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    services.requeue(prediction=found)
    return redirect(found)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    if not may_delete(request, found):
        raise PermissionDenied
    if request.method == "POST":
        chosen = Prediction.objects.filter(pk=found.pk)
        try:
            services.trash_predictions(person=cast(User, request.user), predictions=chosen)
        except (services.NotAllowed, services.Locked) as refusal:
            messages.error(request, str(refusal))
            return redirect(found)
        messages.success(request, f"The result for {found.image} was deleted.")
        return redirect("web:history")
    image = ImageUpload.objects.filter(pk=found.image_id)
    context = {
        "prediction": found,
        "outcome": outcome(found),
        "days": settings.TRASH_DAYS,
        "made": own_models.made_from(cast(User, request.user), image),
    }
    return render(request, "web/delete.html", context)


def may_delete(request: HttpRequest, prediction: Prediction) -> bool:
    """One's own, or of someone else as the admin site would let one."""
    is_own = prediction.image.owner_id == request.user.pk
    return is_own or may(request.user, "delete", Prediction)


def _visible(request: HttpRequest, pk: uuid.UUID) -> Prediction:
    predictions = Prediction.objects.visible_to(request.user).with_relations()
    return get_object_or_404(predictions, pk=pk)


def _context(request: HttpRequest, prediction: Prediction) -> dict[str, Any]:
    model = prediction.trained_model
    return {
        "prediction": prediction,
        "outcome": outcome(prediction),
        "crop_words": seen_words(prediction),
        "chosen_query": _chosen_query(prediction),
        "may_retry": permissions.reads(cast(User, request.user), [prediction]),
        "awaited": prediction.labels or model.dataset_info.labels,
        "view": view_of(model),
        "waited": seconds(prediction.created_at, prediction.started_at),
        "ran": seconds(prediction.started_at, prediction.finished_at),
        **({} if prediction.is_finished else _waiting(prediction)),
    }


def _chosen_query(prediction: Prediction) -> str:
    """The box that was seen and the classes that were possible, as the classify page takes them."""
    chosen: dict[str, Any] = {"labels": prediction.labels or []}
    if prediction.box:
        chosen |= {
            name: getattr(prediction, name) for name in ("box_left", "box_upper", "box_side")
        }
    query = urlencode(chosen, doseq=True)
    return f"&{query}" if query else ""


def _waiting(prediction: Prediction) -> dict[str, Any]:
    age = timezone.now() - prediction.created_at
    is_queued = prediction.status == Status.PENDING
    return {
        "elapsed": max(0, int(age.total_seconds())),
        "poll_milliseconds": next(pause for limit, pause in POLLING if age < limit),
        "queue_position": prediction.queue_position if is_queued else 0,
        "queue_trouble": health.queue_trouble() if is_queued and age > LONG_WAIT else "",
    }
