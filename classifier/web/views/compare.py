"""Several models about one image, or about a batch."""

import uuid
from dataclasses import dataclass
from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier import quotas, services
from classifier.cards.numbers import percent
from classifier.models import Batch, Prediction, PredictionQuerySet, Status, TrainedModel
from classifier.services.comparison import Compared, compare
from classifier.web.presenters import Outcome, outcome

ROWS_SHOWN: Final = 100


@dataclass(frozen=True)
class Row:
    """An image with what each model says, in words."""

    compared: Compared
    cells: list[tuple[Prediction | None, Outcome | None]]
    together: str
    bars: list[tuple[str, str, str]]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def image(request: HttpRequest) -> HttpResponse:
    """All models of its kind about an image; a POST runs those that have not answered."""
    try:
        key = uuid.UUID(request.GET.get("image", ""))
    except ValueError as error:
        raise Http404 from error
    seen = Prediction.objects.visible_to(request.user).filter(image=key)
    return _page(request, seen, {"title": "This image", "back": None})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def batch(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The models of a batch about its images; a POST runs a further one."""
    found = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    return _page(request, found.predictions.kept(), {"title": str(found), "batch": found})


def _page(request: HttpRequest, seen: PredictionQuerySet, context: dict[str, Any]) -> HttpResponse:
    newest = seen.select_related("image", "trained_model").order_by("-created_at").first()
    if newest is None:
        raise Http404
    kind = TrainedModel.objects.filter(dataset=newest.trained_model.dataset)
    used = kind.filter(pk__in=seen.order_by().values("trained_model")).in_display_order()
    models = list(used)
    choosable = kind.choosable_by(request.user)
    further = list(choosable.exclude(pk__in=[each.pk for each in models]).in_display_order())
    if request.method == "POST":
        return _run(request, seen, further)
    found = compare(seen.select_related("image"), models)
    known = {model.pk: model for model in models}
    unfinished = seen.unfinished().count()
    context |= {
        "comparison": found,
        "rows": [_row(each, known) for each in found.rows[:ROWS_SHOWN]],
        "further": further,
        "unfinished": unfinished,
        "is_own": newest.owner_id == request.user.pk,
        "image": newest.image,
    }
    return render(request, "web/compare.html", context)


def _row(compared: Compared, models: dict[int, TrainedModel]) -> Row:
    cells: list[tuple[Prediction | None, Outcome | None]] = []
    for answer in compared.answers:
        if answer:
            answer.trained_model = models[answer.trained_model_id]
        cells.append((answer, outcome(answer) if answer else None))
    bars = [(label, percent(p), f"{100 * p:.2f}%") for label, p in compared.pooled]
    together = f"{compared.pooled[0][0]}, {bars[0][1]}" if bars else ""
    return Row(compared, cells, together, bars)


def _run(
    request: HttpRequest, seen: PredictionQuerySet, further: list[TrainedModel]
) -> HttpResponse:
    """Run the images through the models that were ticked."""
    chosen = [model for model in further if model.slug in request.POST.getlist("model")]
    if not chosen:
        messages.error(request, "No model was chosen. Tick those that are to answer as well.")
    answered = seen.filter(status=Status.SUCCESS)
    for model in chosen:
        try:
            number = services.run_again(
                owner=cast(User, request.user), predictions=answered, trained_model=model
            )
        except quotas.QuotaExceeded as refusal:
            messages.error(request, refusal.message)
        except quotas.BeyondLimit as refusal:
            messages.error(request, str(refusal))
        else:
            words = "image is" if number == 1 else "images are"
            messages.success(request, f"{number:,} {words} run through {model} now.")
    return redirect(request.get_full_path())
