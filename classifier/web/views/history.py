"""The history: finding results again, and doing something with many of them at once."""

import uuid
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import quotas, services
from classifier.datasets import datasets
from classifier.models import (
    Batch,
    Certainty,
    Prediction,
    PredictionQuerySet,
    Project,
    SavedView,
    Status,
    TrainedModel,
)
from classifier.services import own_models, pages, search
from classifier.web.presenters import outcome

PAGE_SIZE: Final = 25
TRASH_SHOWN: Final = 100
ORDER_NAMES: Final = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "least-certain": "Least certain first",
    "most-certain": "Most certain first",
}
# What says which page of a search it is, and no part of the search.
PLACE: Final = ("after", "before")
# In addresses that people keep.
UNLIKE_TRAINING_AS_IT_WAS: Final = "unlike-training"
EXPORTS: Final = ("csv", "json", "zip")


@dataclass(frozen=True)
class Choice:
    """An option of a filter, with how many results it has among those that are found."""

    value: str
    title: str
    count: int = 0


@dataclass
class Search:
    """A search as an address puts it.

    Attributes:
        found: all that it finds; what makes no sense in the address is left out of it.
        query: the address without the page.
        mistakes: sentences about what makes no sense.
    """

    found: PredictionQuerySet
    query: str
    values: dict[str, str]
    project: Project | None
    mistakes: list[str] = field(default_factory=list)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.values.keys() - {"sort", "project"})

    @property
    def is_filtered(self) -> bool:
        """By more than what is always in sight."""
        return bool(self.values.keys() - {"sort", "project", "q", "batch", "id", "group"})


def read_search(user: User, address: QueryDict) -> Search:
    """Raises Http404 for a project that the person does not see."""
    project = None
    if address.get("project"):
        project = get_object_or_404(Project.objects.of(user), pk=_key(str(address["project"])))
        rows = Prediction.objects.listed_for(user, project)
    else:
        # Also who looks after the results of all has their own history.
        rows = Prediction.objects.owned_by(user)
    filters = search.PredictionSearch(address, rows)
    mistakes = [
        f"{filters.filters[name].label}: {message}"
        for name, errors in filters.errors.items()
        for message in errors
    ]
    values = {name: str(value) for name, value in address.items() if value and name not in PLACE}
    return Search(filters.qs, urlencode(values), values, project, mistakes)


@never_cache
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    if request.GET.get("show") == UNLIKE_TRAINING_AS_IT_WAS:
        return redirect(f"{request.path}?certainty={Certainty.UNLIKE}")
    asked = read_search(user, request.GET)
    models = list(TrainedModel.objects.visible_to(user).in_display_order())
    counts = search.facets(asked.found)
    page = pages.first_unless(
        asked.found.listed(),
        pages.ORDERS.get(request.GET.get("sort", ""), pages.NEWEST),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    rows = [(row, outcome(row)) for row in page.rows]
    context = {
        "search": asked,
        "page": {"rows": rows, "previous": page.previous, "next": page.next},
        "count": counts.counted,
        "filters": _filters(models, counts),
        "orders": ORDER_NAMES,
        "models": [model for model in models if model.is_active and model.is_installed],
        "views": SavedView.objects.filter(owner=user),
        "batch": _batch(user, asked.values.get("batch", "")),
        "projects": Project.objects.of(user),
    }
    return render(request, "web/history.html", context)


def _filters(
    models: list[TrainedModel], counts: search.Facets
) -> list[tuple[str, str, list[Choice]]]:
    """Filters with few values: name in the address, title, and what can be chosen."""
    kinds = [datasets()[slug] for slug in dict.fromkeys(model.dataset for model in models)]
    labels = {label: label for kind in kinds for label in kind.labels}
    chosen: list[tuple[str, str, dict[str, str], dict[str, int]]] = [
        ("kind", "Kind of image", {kind.slug: kind.image_kind for kind in kinds}, {}),
        ("model", "Model", {model.slug: model.title for model in models}, counts.model),
        (
            "predicted_label",
            "Predicted class",
            {label: label for label in labels},
            counts.predicted_label,
        ),
        ("certainty", "Model’s limits", dict(Certainty.choices[1:]), counts.certainty),
        ("review", "Review", dict(search.REVIEW_CHOICES), counts.review),
        ("status", "Status", dict(Status.choices), counts.status),
    ]
    return [
        (name, title, [Choice(key, words, have.get(key, 0)) for key, words in values.items()])
        for name, title, values, have in chosen
    ]


def _batch(user: User, key: str) -> Batch | None:
    try:
        return Batch.objects.visible_to(user).filter(pk=uuid.UUID(key)).first()
    except ValueError:
        return None


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error


@never_cache
@require_POST
def selected(request: HttpRequest) -> HttpResponse:
    """Take along, run again or delete what was ticked, or all that the search finds."""
    user, action = cast(User, request.user), request.POST.get("action", "")
    asked = read_search(user, QueryDict(request.POST.get("query", "")[:2000]))
    back = f"{reverse('web:history')}?{asked.query}"
    if asked.mistakes:
        messages.error(request, "This search is not understood, so nothing was done.")
        return redirect(back)
    chosen, query = asked.found, asked.query
    if not request.POST.get("all"):
        keys = [_key(text) for text in request.POST.getlist("prediction")]
        chosen = chosen.filter(pk__in=keys)
        within = {"project": str(asked.project.pk)} if asked.project else {}
        query = urlencode({**within, "id": ",".join(map(str, keys))})
        if not keys:
            messages.error(request, "Nothing was chosen. Tick results, or “All that match”.")
            return redirect(back)
    if action in EXPORTS:
        return redirect(f"{reverse(f'api:export-{action}')}?{query}")
    if action == "again":
        _run_again(request, chosen)
        return redirect(back)
    if action == "delete":
        return _delete(request, chosen, back)
    raise Http404


def _run_again(request: HttpRequest, chosen: PredictionQuerySet) -> None:
    choosable = TrainedModel.objects.choosable_by(request.user)
    model = get_object_or_404(choosable, slug=request.POST.get("model", ""))
    fitting = chosen.filter(trained_model__dataset=model.dataset)
    try:
        number = services.run_again(
            owner=cast(User, request.user), predictions=fitting, trained_model=model
        )
    except quotas.QuotaExceeded as refusal:
        messages.error(request, refusal.message)
    except quotas.BeyondLimit as refusal:
        messages.error(request, str(refusal))
    else:
        words = f"{number:,} image{'' if number == 1 else 's'} of yours run through {model} now."
        others = "" if number else " Only your own images of the model’s kind can."
        messages.success(request, words + others)


def _delete(request: HttpRequest, chosen: PredictionQuerySet, back: str) -> HttpResponse:
    if not request.POST.get("sure"):
        context = {
            "count": search.count(chosen),
            "sent": [(name, text) for name, texts in request.POST.lists() for text in texts],
            "days": settings.TRASH_DAYS,
            "back": back,
            "made": own_models.made_from(
                cast(User, request.user), chosen.order_by().values("image")
            ),
        }
        return render(request, "web/delete_selected.html", context)
    try:
        number = services.trash_predictions(person=cast(User, request.user), predictions=chosen)
    except (services.NotAllowed, services.Locked) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{number:,} results were deleted. They lie in the trash.")
    return redirect(back)


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep a search by a name; one of the same name is replaced."""
    query = read_search(cast(User, request.user), QueryDict(request.POST.get("query", "")[:2000]))
    name = request.POST.get("name", "").replace("\0", "").strip()[:80]
    if name:
        SavedView.objects.update_or_create(
            owner=cast(User, request.user), name=name, defaults={"query": query.query[:2000]}
        )
        messages.success(request, f"This search is kept as “{name}”.")
    else:
        messages.error(request, "Give the search a name, by which to find it again.")
    return redirect(f"{reverse('web:history')}?{query.query}")


@require_POST
def delete_view(request: HttpRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=pk, owner=cast(User, request.user))
    view.delete()
    messages.success(request, f"The search “{view}” is kept no longer.")
    return redirect("web:history")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def trash(request: HttpRequest) -> HttpResponse:
    """What was deleted and can be taken back; a POST takes back a result, a batch, or all."""
    owner = cast(User, request.user)
    trashed = Prediction.objects.in_trash_of(owner)
    if request.method == "POST":
        return _take_back(request, owner)
    shown = trashed.select_related("image", "trained_model", "batch")[:TRASH_SHOWN]
    context = {
        "rows": [(each, outcome(each)) for each in shown],
        "batches": Batch.objects.filter(owner=owner, deleted_at__isnull=False)
        .filter(predictions__in=trashed.order_by())
        .distinct()[:TRASH_SHOWN],
        "days": settings.TRASH_DAYS,
        "shown": TRASH_SHOWN,
    }
    return render(request, "web/trash.html", context)


def _take_back(request: HttpRequest, owner: User) -> HttpResponse:
    chosen = Prediction.objects.in_trash_of(owner)
    if request.POST.get("batch"):
        chosen = chosen.filter(batch=_key(request.POST["batch"]))
    elif not request.POST.get("all"):
        chosen = chosen.filter(pk=_key(request.POST.get("prediction", "")))
    first = chosen.select_related("image").first()
    if first is None:
        raise Http404
    number = services.restore(owner=owner, predictions=chosen)
    if number == 1:
        messages.success(request, f"The result for {first.image} is back.")
        return redirect(first)
    messages.success(request, f"{number:,} results are back.")
    return redirect("web:history")
