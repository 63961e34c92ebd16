"""Many results side by side, sorted into groups, to be looked through and corrected."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from classifier import services
from classifier.datasets import datasets
from classifier.models import Batch, Prediction, PredictionQuerySet, Role, TrainedModel, may
from classifier.services import gallery, pages, search
from classifier.web.gallery_page import COLUMNS, Label, labels_of, row, sections
from classifier.web.presenters import outcome
from classifier.web.views.history import read_search
from classifier.web.views.sign_off import panel, seen_batch

# So many of each group come with the page, which is more than a screen shows; its scripts ask for
# the others.
FIRST: Final = 30
ROWS_AT_ONCE: Final = 500
LISTED: Final = 25
REFUSED: Final = (services.Locked, services.NotAllowed, services.ReviewRefused)
REVIEWERS: Final = {Role.OWNER, Role.READER}


@dataclass(frozen=True)
class Scope:
    """What a gallery is about: one model's answers in a batch, or what a search found."""

    found: PredictionQuerySet
    batch: Batch | None
    models: list[TrainedModel]
    model: TrainedModel | None
    query: str
    may_review: bool

    def address(self, page: str = "") -> str:
        """Of the gallery, or another page about the same images."""
        name = f"_{page}" if page else ""
        base = (
            reverse(f"web:batch{name}", args=[self.batch.pk])
            if self.batch
            else reverse(f"web:gallery{name}")
        )
        return f"{base}?{self.query}" if self.query else base

    @property
    def export_query(self) -> str:
        """The search that finds the same images, as the addresses of exports take it."""
        if not self.batch:
            return self.query
        of: dict[str, Any] = {"batch": self.batch.pk}
        if self.batch.project_id:
            of["project"] = self.batch.project_id
        if self.model and len(self.models) > 1:
            of["model"] = self.model.slug
        return urlencode(of)

    @property
    def counts_cells(self) -> bool:
        """Whether there is a differential count of these images."""
        known = datasets().get(self.model.dataset) if self.model else None
        return known is not None and known.differential is not None

    @property
    def labels(self) -> list[Label]:
        return labels_of([self.model] if self.model else self.models)


def batch_scope(request: HttpRequest, pk: uuid.UUID) -> Scope:
    batch = seen_batch(request, pk)
    models = list(batch.trained_models.defer("metadata", "evaluation").in_display_order())
    models = models or gallery.models_of(batch.predictions.kept())
    wanted = request.GET.get("model", "")
    model = next((each for each in models if each.slug == wanted), next(iter(models), None))
    found = batch.predictions.kept()
    if len(models) > 1:
        found = found.filter(trained_model=model)
    return Scope(
        found=found,
        batch=batch,
        models=models,
        model=model,
        query=request.GET.urlencode() if wanted else "",
        may_review=not batch.is_signed
        and (batch.role_of(request.user) in REVIEWERS or may(request.user, "change", Prediction)),
    )


def _search_scope(request: HttpRequest) -> Scope:
    """Raises BadRequest for filters that make no sense."""
    asked = read_search(cast(User, request.user), request.GET)
    if asked.mistakes:
        raise BadRequest("This search has a filter that makes no sense.")
    models = gallery.models_of(asked.found)
    query = request.GET.copy()
    for name in ("after", "group"):
        query.pop(name, None)
    may_review = not asked.project or asked.project.role_of(request.user) in REVIEWERS
    return Scope(asked.found, None, models, None, query.urlencode(), may_review)


@gzip_page
@never_cache
@require_safe
def batch(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _page(request, batch_scope(request, pk))


@gzip_page
@never_cache
@require_safe
def batch_rows(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _rows(request, batch_scope(request, pk))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def batch_list(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _list(request, batch_scope(request, pk))


@gzip_page
@never_cache
@require_safe
def found(request: HttpRequest) -> HttpResponse:
    return _page(request, _search_scope(request))


@gzip_page
@never_cache
@require_safe
def found_rows(request: HttpRequest) -> HttpResponse:
    return _rows(request, _search_scope(request))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def found_list(request: HttpRequest) -> HttpResponse:
    return _list(request, _search_scope(request))


def _page(request: HttpRequest, scope: Scope) -> HttpResponse:
    now = timezone.now() - search.OVERLAP
    groups = search.groups(scope.found)
    counts = {group.name: group.count for group in groups.groups}
    # Of a batch one query reads less than many; a search may find all that a person has.
    first = (
        gallery.first_of_each_group(scope.found, FIRST)
        if scope.batch
        else gallery.first_of_groups(scope.found, counts, FIRST)
    )
    context = {
        "scope": scope,
        "batch": scope.batch,
        "groups": groups,
        "sections": sections(counts, scope.labels),
        "labels": scope.labels,
        "gallery_url": scope.address(),
        "list_url": scope.address("list"),
        "data": {**_addresses(scope, now), "rows": [row(each) for each in first]},
        **(panel(request, scope.batch) if scope.batch else {}),
    }
    return render(request, "web/gallery.html", context)


def _addresses(scope: Scope, until: datetime) -> dict[str, Any]:
    """What the scripts of the page need to know."""
    batch = scope.batch
    return {
        "columns": COLUMNS,
        "labels": [[label.name, label.key] for label in scope.labels],
        "batch": str(batch.pk) if batch else None,
        "until": until.isoformat(),
        "may_review": scope.may_review,
        "rows_url": scope.address("rows"),
        "changes_url": scope.address("changes") if batch else None,
        "api": reverse("api:reviews").removesuffix("reviews/"),
        "images": reverse("web:image", args=[uuid.UUID(int=0)]).split(str(uuid.UUID(int=0)))[0],
        "predictions": reverse("web:history"),
    }


def _rows(request: HttpRequest, scope: Scope) -> HttpResponse:
    """The images behind a cursor, the least certain first, whatever their group is."""
    page = _least_certain(request, scope.found, ROWS_AT_ONCE)
    return JsonResponse({"rows": [row(each) for each in page.rows], "next": page.next})


def _least_certain(request: HttpRequest, found: PredictionQuerySet, size: int) -> pages.Page:
    try:
        rows = gallery.in_gallery(found)
        after, before = request.GET.get("after", ""), request.GET.get("before", "")
        return pages.page(rows, pages.LEAST_CERTAIN, size=size, after=after, before=before)
    except pages.NoSuchPage as error:
        raise Http404("There is no such page.") from error


@never_cache
@require_safe
def batch_changes(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What finished, was reviewed or was deleted since a moment, for a page that shows it."""
    scope = batch_scope(request, pk)
    changes = search.changes(seen_batch(request, pk), _moment(request.GET.get("since", "")))
    kept = [
        each
        for each in changes.predictions
        if len(scope.models) < 2 or each.trained_model == scope.model
    ]
    return JsonResponse(
        {
            "rows": [row(each) for each in kept if each.predicted_label and not each.deleted_at],
            "deleted": [str(each.pk) for each in kept if each.deleted_at],
            "unfinished": scope.found.unfinished().count(),
            "until": changes.until.isoformat(),
        }
    )


def _moment(text: str) -> datetime:
    """Raises BadRequest."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or timezone.is_naive(moment):
        raise BadRequest("“since” is no point in time.")
    return moment


def _list(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Without scripts: a page of images, each with a form."""
    if request.method == "POST":
        take_step(request, scope)
        return redirect(request.get_full_path())
    name = request.GET.get("group", "")
    found = search.in_group(scope.found, name) if name else scope.found
    page = _least_certain(request, found, LISTED)
    context = {
        "scope": scope,
        "batch": scope.batch,
        "groups": search.groups(scope.found),
        "group": name,
        "page": page,
        "rows": [(each, outcome(each)) for each in page.rows],
        "gallery_url": scope.address(),
        "list_url": scope.address("list"),
        **(panel(request, scope.batch) if scope.batch else {}),
    }
    return render(request, "web/gallery_list.html", context)


def take_step(request: HttpRequest, scope: Scope) -> None:
    """Do what a form says, and tell how it went."""
    said = request.POST
    reader: Any = request.user
    try:
        if "undo" in said:
            step = services.undo(reader=reader, batch=scope.batch)
        elif "redo" in said:
            step = services.redo(reader=reader, batch=scope.batch)
        else:
            chosen = scope.found.filter(pk__in=_keys(said.getlist("prediction")))
            step = services.review(
                reader=reader,
                predictions=chosen,
                label=said.get("label") or None,
                note=said.get("note"),
                confirm="confirm" in said,
            )
    except REFUSED as refusal:
        messages.error(request, f"{refusal} Nothing was changed.")
        return
    if not step.predictions:
        messages.warning(request, "There was nothing to change.")
    else:
        number = len(step.predictions)
        messages.success(request, f"Saved for {number} image{'' if number == 1 else 's'}.")


def _keys(texts: list[str]) -> list[uuid.UUID]:
    """Raises BadRequest."""
    try:
        return [uuid.UUID(text) for text in texts]
    except ValueError as error:
        raise BadRequest("This is no result.") from error
