"""What an installation keeps for how long: original images, and results.

An original that goes leaves its row with digest and size, its thumbnail and all results. Results
that go lie in the trash first. What is of a signed batch stays, and so does what is not finished.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from classifier import audit
from classifier.models import ImageUpload, Prediction, PredictionQuerySet

AT_ONCE: Final = 500


@dataclass(frozen=True)
class Due:
    """What retention would take, as things stand."""

    originals: int
    original_bytes: int
    results: int


def preview() -> Due:
    originals = originals_due()
    stored = originals.aggregate(total=Sum("stored_bytes"))["total"] or 0
    return Due(originals.count(), int(stored), results_due().count())


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
    """Originals that are older than KEEP_ORIGINALS_DAYS; small ones are their own thumbnails."""
    if not settings.KEEP_ORIGINALS_DAYS:
        return ImageUpload.objects.none()
    limit = timezone.now() - timedelta(days=settings.KEEP_ORIGINALS_DAYS)
    used = Prediction.objects.filter(image=OuterRef("pk"))
    needed = used.filter(Q(finished_at=None) | Q(batch__signed_at__isnull=False))
    old = ImageUpload.objects.filter(uploaded_at__lt=limit, original_dropped_at=None)
    return old.exclude(file=F("thumbnail")).exclude(Exists(needed)).order_by("uploaded_at")


def results_due() -> PredictionQuerySet:
    """Results that are older than KEEP_RESULTS_DAYS."""
    if not settings.KEEP_RESULTS_DAYS:
        return Prediction.objects.none()
    limit = timezone.now() - timedelta(days=settings.KEEP_RESULTS_DAYS)
    old = Prediction.objects.kept().filter(created_at__lt=limit, finished_at__isnull=False)
    return old.exclude(batch__signed_at__isnull=False)
