"""Workers, the queue and the switches of models."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from classifier import catalogue, retention
from classifier.admin.figures import size
from classifier.models import Prediction, Status, TrainedModel, may
from classifier.services import desk, own_models
from classifier.services.desk import operations as service
from classifier.services.desk.periods import PERIODS

State = dict[str, tuple[int, str, bool]]


def operations(request: HttpRequest) -> HttpResponse:
    """What runs, what waits, and what can be done about it; a POST does it."""
    if not (may(request.user, "view", TrainedModel) and may(request.user, "view", Prediction)):
        raise PermissionDenied
    if request.method == "POST":
        action = ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            raise Http404
        verb, model, act = action
        if not may(request.user, verb, model):
            raise PermissionDenied
        act(request)
        return redirect("admin:operations")
    kept = Prediction.objects.kept()
    failed = kept.filter(status=Status.FAILURE, created_at__gte=PERIODS["7d"].since())
    context = {
        **admin.site.each_context(request),
        "title": "Operations",
        "workers": [
            (each, "" if each.memory_bytes is None else size(each.memory_bytes))
            for each in service.workers()
        ],
        "queue": service.queue(),
        "failed": failed.count(),
        "stuck": kept.overdue().count(),
        "models": TrainedModel.objects.in_display_order().select_related("owner", "project"),
        "due": retention.preview(),
        "days": {"images": settings.KEEP_ORIGINALS_DAYS, "results": settings.KEEP_RESULTS_DAYS},
        "may_switch": may(request.user, "change", TrainedModel),
        "may_requeue": may(request.user, "delete", Prediction),
    }
    return render(request, "admin/operations.html", context)


def _requeue_failed(request: HttpRequest) -> None:
    since = PERIODS["7d"].since()
    failed = Prediction.objects.filter(status=Status.FAILURE, created_at__gte=since)
    _say_queued(request, desk.requeue(failed))


def _requeue_stuck(request: HttpRequest) -> None:
    _say_queued(request, desk.requeue(Prediction.objects.overdue()))


def _say_queued(request: HttpRequest, number: int) -> None:
    messages.success(request, f"{number:,} predictions were queued again.")


def _enable(request: HttpRequest) -> None:
    model = _model(request)
    TrainedModel.objects.filter(pk=model.pk).update(is_active=True)
    messages.success(request, f"{model} can be chosen again.")


def _disable(request: HttpRequest) -> None:
    model = _model(request)
    TrainedModel.objects.filter(pk=model.pk).update(is_active=False)
    messages.success(request, f"{model} can no longer be chosen; what waits for it still runs.")


def _offer(request: HttpRequest) -> None:
    model = _model(request)
    own_models.offer(model=model, is_offered=True)
    messages.success(request, f"Everybody sees {model} and can choose it.")


def _withdraw(request: HttpRequest) -> None:
    model = _model(request)
    own_models.offer(model=model, is_offered=False)
    messages.success(request, f"Only its owner, its project and administrators choose {model} now.")


def _make_default(request: HttpRequest) -> None:
    model = _model(request)
    service.make_default(model)
    messages.success(request, f"Forms start with {model} for its kind of image.")


def _load(request: HttpRequest) -> None:
    model = _model(request)
    if service.load(model):
        messages.success(request, f"A worker loads {model}, so that nobody waits for that.")
    else:
        messages.warning(request, "The broker cannot be reached; nothing was loaded.")


def _model(request: HttpRequest) -> TrainedModel:
    return get_object_or_404(TrainedModel, slug=request.POST.get("model", ""))


def _sync(request: HttpRequest) -> None:
    """Load the bundles from disk and say what is different now."""
    before = _state()
    found = catalogue.load_bundles()
    changes = _changes(before, _state())
    for sentence in changes or ["Nothing changed: the models are as their bundles on disk."]:
        messages.success(request, sentence)
    for error in found.errors:
        messages.warning(request, str(error))


def _state() -> State:
    return {
        model.slug: (model.version, model.sha256, model.is_installed)
        for model in TrainedModel.objects.all()
    }


def _changes(before: State, after: State) -> list[str]:
    sentences = []
    for slug, (version, _, is_installed) in after.items():
        if slug not in before:
            sentences.append(f"{slug} is new, version {version}.")
            continue
        old_version, _, was_installed = before[slug]
        if version != old_version:
            sentences.append(f"{slug} went from version {old_version} to {version}.")
        if is_installed != was_installed:
            sentences.append(f"{slug} {'is back' if is_installed else 'is no longer on disk'}.")
    return sentences


# What a POST may ask for, and the permission that it takes.
ACTIONS: Final[dict[str, tuple[str, type, Callable[[HttpRequest], None]]]] = {
    "requeue_failed": ("delete", Prediction, _requeue_failed),
    "requeue_stuck": ("delete", Prediction, _requeue_stuck),
    "enable": ("change", TrainedModel, _enable),
    "disable": ("change", TrainedModel, _disable),
    "offer": ("change", TrainedModel, _offer),
    "withdraw": ("change", TrainedModel, _withdraw),
    "default": ("change", TrainedModel, _make_default),
    "load": ("change", TrainedModel, _load),
    "sync": ("change", TrainedModel, _sync),
}
