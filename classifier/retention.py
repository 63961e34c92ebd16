"""What is kept for how long, by the installation or by a project: original images, and results.

An original that goes leaves its row with digest and size, its thumbnail and all results. Results
that go lie in the trash first. What is of a signed batch stays, and so does what is not finished.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from classifier import audit
from classifier.models import (
    Adaptation,
    ImageUpload,
    LabelledImage,
    LabelledImageQuerySet,
    Prediction,
    PredictionQuerySet,
    Project,
    Validation,
)

AT_ONCE: Final = 500


@dataclass(frozen=True)
class Due:
    """What retention would take, as things stand."""

    originals: int
    original_bytes: int
    results: int


def preview(project: Project | None = None) -> Due:
    """Of the whole installation, or of one project as it is set at the moment."""
    originals, results = originals_due(), results_due()
    if project:
        originals = originals.filter(
            Exists(_predictions().filter(project=project))
            | Exists(_labelled().filter(labelled_set__project=project))
        )
        results = results.filter(project=project)
    stored = originals.aggregate(total=Sum("stored_bytes"))["total"] or 0
    return Due(originals.count(), int(stored), results.count())


def preview_of(project: Project, *, originals_days: int | None, results_days: int | None) -> Due:
    """What would go if the project were set so; nothing is stored."""
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(
            keep_originals_days=originals_days, keep_results_days=results_days
        )
        due = preview(project)
        transaction.set_rollback(True)
    return due


def apply() -> Due:
    """Take some of what is due; returns how much. Repeat it until that is nothing."""
    keys = list(results_due().order_by().values_list("pk", flat=True)[:AT_ONCE])
    if keys:
        Prediction.objects.filter(pk__in=keys).update(deleted_at=timezone.now())
        audit.record(
            audit.Action.TRASHED, keys=keys, number=len(keys), after_days=settings.KEEP_RESULTS_DAYS
        )
    images = list(originals_due()[:AT_ONCE])
    freed = sum(image.drop_original() for image in images)
    if images:
        audit.record(
            audit.Action.ERASED,
            keys=[image.pk for image in images],
            number=len(images),
            what="originals",
            after_days=settings.KEEP_ORIGINALS_DAYS,
        )
    return Due(len(images), freed, len(keys))


def originals_due() -> QuerySet[ImageUpload]:
    """Originals that nothing keeps any longer; small ones are their own thumbnails.

    An image that is in several projects, by a result or a labelled set, stays as long as one of
    them keeps it, and one that a model is being validated on or adapted to until that has ended.
    """
    days = _own_days("keep_originals_days")
    shortest = min((each for each in {settings.KEEP_ORIGINALS_DAYS, *days} if each), default=0)
    if not shortest:
        return ImageUpload.objects.none()
    unfinished = Q(finished_at=None)
    measured = Validation.objects.filter(unfinished).values("labelled_set")
    keeping = (
        _predictions().filter(unfinished | Q(batch__signed_at__isnull=False)),
        _predictions().filter(_keeps("project", days)),
        _labelled().filter(_keeps("labelled_set__project", days)),
        _labelled().filter(labelled_set__in=measured),
        Adaptation.objects.filter(unfinished, images=OuterRef("pk")),
    )
    old = ImageUpload.objects.filter(uploaded_at__lt=_before(shortest), original_dropped_at=None)
    due = old.exclude(file=F("thumbnail"))
    for each in keeping:
        due = due.exclude(Exists(each))
    let_go = Exists(_predictions()) | Exists(_labelled())
    if settings.KEEP_ORIGINALS_DAYS:
        let_go |= Q(uploaded_at__lt=_before(settings.KEEP_ORIGINALS_DAYS))
    return due.filter(let_go).order_by("uploaded_at")


def results_due() -> PredictionQuerySet:
    """Results that are older than the days of their project, or else of the installation."""
    old = Q()
    for days in _own_days("keep_results_days") - {0}:
        old |= Q(project__keep_results_days=days, created_at__lt=_before(days))
    if settings.KEEP_RESULTS_DAYS:
        limit = _before(settings.KEEP_RESULTS_DAYS)
        old |= Q(project__keep_results_days=None, created_at__lt=limit)
    if not old:
        return Prediction.objects.none()
    finished = Prediction.objects.kept().filter(old, finished_at__isnull=False)
    return finished.exclude(batch__signed_at__isnull=False)


def _own_days(field: str) -> set[int]:
    """The days that projects set themselves."""
    own = Project.objects.exclude(**{field: None}).order_by()
    return set(own.values_list(field, flat=True).distinct())


def _predictions() -> PredictionQuerySet:
    """Those of an image in a query around them."""
    return Prediction.objects.filter(image=OuterRef("pk"))


def _labelled() -> LabelledImageQuerySet:
    """Where an image in a query around it stands in labelled sets."""
    return LabelledImage.objects.filter(image=OuterRef("pk"))


def _before(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def _keeps(project: str, own_days: Iterable[int]) -> Q:
    """Of images, what is in a project that keeps them, or in none while the installation does."""
    kept = Q(**{f"{project}__keep_originals_days": None}) & _younger(settings.KEEP_ORIGINALS_DAYS)
    for days in own_days:
        kept |= Q(**{f"{project}__keep_originals_days": days}) & _younger(days)
    return kept


def _younger(days: int) -> Q:
    """What has an image that is not that old yet; with 0, all."""
    return Q(image__uploaded_at__gte=_before(days)) if days else Q(pk__isnull=False)
