"""Finding results again: one search for the history, the gallery, exports and the API."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone
from django_filters.fields import IsoDateTimeField

from classifier.models import (
    UNDECIDED,
    UNLIKE_TRAINING,
    Batch,
    Certainty,
    ImageUpload,
    Prediction,
    PredictionQuerySet,
    ReviewState,
    Status,
    TrainedModel,
)

# Counting on would cost more the more a person has, and tell them little.
MOST_COUNTED: Final = 1_000
# Its images by all models that there are.
MOST_IN_BATCH: Final = 20_000
# A row that another process is still writing has an earlier time than its commit.
OVERLAP: Final = timedelta(seconds=2)
REVIEWED: Final = "reviewed"
REVIEW_CHOICES: Final = [(REVIEWED, "Reviewed"), *ReviewState.choices]


class PointInTimeField(IsoDateTimeField):
    """Refuses what is a date in its own time zone, but before the year 1 or after 9999 in UTC."""

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class PointInTimeFilter(django_filters.IsoDateTimeFilter):
    field_class = PointInTimeField


class WholeNumberFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField


class KeysFilter(django_filters.BaseInFilter, django_filters.UUIDFilter):
    """Several keys with commas between them."""


class PredictionSearch(django_filters.FilterSet):
    """All filters of results.

    Each is served by an index of `Prediction`, but for `q`, `kind` and `version`: these look
    through the newest rows until a page is full.
    """

    q = django_filters.CharFilter(method="matching", label="File, path, note or batch")
    kind = django_filters.CharFilter(method="of_kind", label="Kind of image")
    model = django_filters.CharFilter(method="by_model", label="Model")
    version = WholeNumberFilter(
        "model_version", label="Version of the model", min_value=0, max_value=2**31 - 1
    )
    batch = django_filters.UUIDFilter("batch_id", label="Batch")
    status = django_filters.ChoiceFilter(choices=Status.choices, label="Status")
    predicted_label = django_filters.CharFilter(label="Predicted class")
    group = django_filters.CharFilter("gallery_group", label="Group, as in the gallery")
    confidence_min = django_filters.NumberFilter(
        "confidence", "gte", label="Confidence from", min_value=0, max_value=1
    )
    confidence_max = django_filters.NumberFilter(
        "confidence", "lte", label="Confidence up to", min_value=0, max_value=1
    )
    certainty = django_filters.ChoiceFilter(
        choices=Certainty.choices[1:], label="What the model's limits say"
    )
    review = django_filters.ChoiceFilter(
        choices=REVIEW_CHOICES, method="by_review", label="What people said"
    )
    created_after = PointInTimeFilter("created_at", "gte", label="From")
    created_before = PointInTimeFilter("created_at", "lt", label="Before")
    id = KeysFilter("pk", label="Only these, by their ids with commas between")

    class Meta:
        model = Prediction
        fields: tuple[str, ...] = ()

    # No filter joins another table: the planner would start from there.

    def matching(self, found: PredictionQuerySet, name: str, text: str) -> PredictionQuerySet:
        names = Q(original_filename__icontains=text) | Q(path__icontains=text)
        image = ImageUpload.objects.filter(names, pk=OuterRef("image_id"))
        batch = Batch.objects.filter(name__icontains=text, pk=OuterRef("batch_id"))
        return found.filter(Exists(image) | Q(note__icontains=text) | Exists(batch))

    def of_kind(self, found: PredictionQuerySet, name: str, kind: str) -> PredictionQuerySet:
        model = TrainedModel.objects.filter(dataset=kind, pk=OuterRef("trained_model_id"))
        return found.filter(Exists(model))

    def by_model(self, found: PredictionQuerySet, name: str, slug: str) -> PredictionQuerySet:
        model = TrainedModel.objects.filter(slug=slug).order_by().values("pk")
        return found.filter(trained_model_id=Subquery(model))

    def by_review(self, found: PredictionQuerySet, name: str, state: str) -> PredictionQuerySet:
        if state == REVIEWED:
            return found.exclude(review_state=ReviewState.UNREVIEWED)
        return found.filter(review_state=state)


@dataclass(frozen=True)
class Count:
    """How many there are; `is_more` where counting was stopped."""

    number: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


def count(predictions: PredictionQuerySet) -> Count:
    number = predictions.order_by()[: MOST_COUNTED + 1].count()
    return Count(min(number, MOST_COUNTED), number > MOST_COUNTED)


@dataclass(frozen=True)
class Facets:
    """How many of the newest results there are of each kind; at most `MOST_COUNTED` are counted."""

    counted: Count
    model: dict[str, int]
    predicted_label: dict[str, int]
    certainty: dict[str, int]
    review: dict[str, int]
    status: dict[str, int]


def facets(predictions: PredictionQuerySet) -> Facets:
    columns = ("trained_model_id", "predicted_label", "certainty", "review_state", "status")
    newest = predictions.order_by("-created_at", "-pk").values_list(*columns)
    rows = list(newest[: MOST_COUNTED + 1])
    is_more = len(rows) > MOST_COUNTED
    counted = rows[:MOST_COUNTED]
    model, label, certainty, review, status = (
        dict(Counter(row[place] for row in counted).most_common()) for place in range(len(columns))
    )
    slugs = dict(TrainedModel.objects.filter(pk__in=model).values_list("pk", "slug"))
    return Facets(
        counted=Count(len(counted), is_more),
        model={slugs[key]: number for key, number in model.items()},
        predicted_label=_named(label),
        certainty=_named(certainty),
        review=_named(review),
        status=_named(status),
    )


def _named(counts: dict[str, int]) -> dict[str, int]:
    """Without those that have none: no class yet, a model without limits."""
    return {name: number for name, number in counts.items() if name}


@dataclass(frozen=True)
class Group:
    """Images that belong together in a gallery: of one class, or of those that ask for a look."""

    name: str
    count: int

    @property
    def asks_for_a_look(self) -> bool:
        return self.name in {UNLIKE_TRAINING, UNDECIDED}


@dataclass(frozen=True)
class Groups:
    """A gallery in outline; `counted` are its images with a result."""

    groups: list[Group]
    counted: Count
    unfinished: int
    failed: int


def groups(predictions: PredictionQuerySet, *, most: int = MOST_COUNTED) -> Groups:
    """First what asks for a look, then the classes, the most frequent first.

    Args:
        most: so many of the newest results are counted; for a batch, `MOST_IN_BATCH` are all.
    """
    newest = predictions.order_by("-created_at", "-pk").values_list("gallery_group", "status")
    rows = list(newest[: most + 1])
    is_more = len(rows) > most
    rows = rows[:most]
    by_status = Counter(status for _, status in rows)
    found = Counter(name for name, status in rows if status == Status.SUCCESS)
    ordered = [Group(name, number) for name, number in found.items()]
    ordered.sort(key=lambda group: (not group.asks_for_a_look, -group.count, group.name))
    return Groups(
        groups=ordered,
        counted=Count(found.total(), is_more),
        unfinished=by_status[Status.PENDING] + by_status[Status.STARTED],
        failed=by_status[Status.FAILURE],
    )


def in_group(predictions: PredictionQuerySet, name: str) -> PredictionQuerySet:
    """The images of one group; ask for them by `pages.LEAST_CERTAIN`."""
    return predictions.filter(gallery_group=name, status=Status.SUCCESS)


@dataclass(frozen=True)
class Changes:
    """What came, was reviewed or was deleted, and the moment to ask from next time."""

    predictions: list[Prediction]
    until: datetime


def changes(batch: Batch, since: datetime) -> Changes:
    """What changed in a batch since a moment, for a page that shows it; some may come twice.

    With what went to the trash, which has a `deleted_at`.
    """
    until = timezone.now() - OVERLAP
    changed = batch.predictions.filter(
        Q(finished_at__gt=since) | Q(reviewed_at__gt=since) | Q(deleted_at__gt=since)
    )
    rows = changed.select_related("image").in_order()
    return Changes(list(rows), max(since, until))
