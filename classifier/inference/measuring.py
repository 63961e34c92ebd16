"""What comes after the last answer of a validation: who belongs together, doubts, the report."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from django.utils import timezone

from classifier.bundles.registry import Bundle
from classifier.datasets.near_duplicates import THUMBNAIL_SIDE, near_duplicate_groups
from classifier.errors import PlainError
from classifier.models import LabelledImage, Validation, ValidationAnswer
from classifier.validation.clusters import clusters_of
from classifier.validation.figures import Answered
from classifier.validation.label_errors import suspected_labels
from classifier.validation.making import make_report
from classifier.validation.report import ValidatedSet, ValidationReport

WRITTEN_AT_ONCE: Final = 500


def measure(validation: Validation, bundle: Bundle) -> ValidationReport:
    """The report, after the images of the set were told what belongs together and is doubtful.

    Raises PlainError where there is nothing to measure.
    """
    rows = list(validation.answers.select_related("labelled_image").order_by("labelled_image"))
    if not rows:
        raise PlainError("None of the images could be read, so there is nothing to measure.")
    images = [row.labelled_image for row in rows]
    twins = _find_what_belongs_together(validation, rows, images)
    clusters = np.array([image.cluster or 0 for image in images], np.int64)
    answered = Answered.of(bundle.classes, [image.label for image in images], clusters, rows)
    _doubt_labels(rows, images, answered)
    started = validation.started_at or timezone.now()
    named = [image.group for image in images if image.group]
    return make_report(
        bundle.metadata,
        bundle.evaluation,
        ValidatedSet(
            name=validation.labelled_set.name,
            n=len(images),
            groups=len(set(named)),
            ungrouped=len(images) - len(named),
            clusters=len({image.cluster for image in images}),
            near_duplicates=twins,
            unreadable=validation.done - len(images),
        ),
        answered,
        seconds=(timezone.now() - started).total_seconds(),
    )


def _find_what_belongs_together(
    validation: Validation, rows: Sequence[ValidationAnswer], images: Sequence[LabelledImage]
) -> int:
    """Set the clusters of the images, unless they are known; returns how many have a twin."""
    if not all(row.thumbnail for row in rows):
        known = ValidationReport.model_validate(validation.report) if validation.report else None
        return known.labelled_set.near_duplicates if known else 0
    thumbnails = [np.frombuffer(row.thumbnail or b"", np.uint8) for row in rows]
    pixels = np.stack(thumbnails).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE, 1)
    correlation = validation.trained_model.dataset_info.near_duplicate_correlation
    twins = near_duplicate_groups(pixels, correlation)
    found = clusters_of([image.group for image in images], twins)
    changed = []
    for image, cluster in zip(images, found.tolist(), strict=True):
        if image.cluster != cluster:
            image.cluster = cluster
            changed.append(image)
    LabelledImage.objects.bulk_update(changed, ["cluster"], batch_size=WRITTEN_AT_ONCE)
    return int((np.bincount(twins)[twins] > 1).sum())


def _doubt_labels(
    rows: Sequence[ValidationAnswer], images: Sequence[LabelledImage], answered: Answered
) -> None:
    """Write down which labels are suspected; what a person settled stays settled."""
    if not all(row.thumbnail for row in rows):
        return
    features = [np.frombuffer(row.features or b"", np.float16) for row in rows]
    known = np.stack(features) if len({len(each) for each in features}) == 1 else np.empty((0, 0))
    if not known.size:
        known = np.log(np.maximum(answered.probabilities, 1e-7))
    suspected = suspected_labels(known.astype(np.float32), answered.names, answered.clusters)
    changed = []
    for image, name in zip(images, suspected, strict=True):
        if image.settled_at is None and image.suspected_label != name:
            image.suspected_label = name
            changed.append(image)
    LabelledImage.objects.bulk_update(changed, ["suspected_label"], batch_size=WRITTEN_AT_ONCE)
