"""A bundle on labelled files of a folder, without the database."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from django.conf import settings

from classifier.bundles.registry import Bundle
from classifier.catalogue import columns
from classifier.datasets.near_duplicates import grey_thumbnail, near_duplicate_groups
from classifier.errors import PlainError
from classifier.inference.inputs import found_box, model_input
from classifier.inference.loader import Answer, load
from classifier.models import TrainedModel
from classifier.preprocessing import Crop
from classifier.uploads.images import UploadRejected, read_image
from classifier.validation.clusters import clusters_of
from classifier.validation.figures import Answered
from classifier.validation.making import make_report
from classifier.validation.report import ValidatedSet, ValidationReport

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def validate_folder(
    bundle: Bundle,
    name: str,
    labelled: Sequence[tuple[Path, str, str]],
    crop: Crop,
    *,
    started: float,
    tell: Callable[[int, int], None],
) -> ValidationReport:
    """Measure a bundle on files with class and group. Raises PlainError.

    Args:
        started: by the monotonic clock.
        tell: hears how many of how many files are done.
    """
    model = TrainedModel(slug=bundle.slug, **columns(bundle))
    loaded = load(model)
    kept: list[int] = []
    answers: list[Answer] = []
    thumbnails: list[Pixels] = []
    size = settings.PREDICTION_BATCH_SIZE
    for first in range(0, len(labelled), size):
        pixels = {
            first + place: read
            for place, (path, _, _) in enumerate(labelled[first : first + size])
            if (read := _view(model, path, crop)) is not None
        }
        if pixels:
            answers += loaded.answer(np.stack(list(pixels.values())))
        kept += pixels
        thumbnails += map(grey_thumbnail, pixels.values())
        tell(min(first + size, len(labelled)), len(labelled))
    if not kept:
        raise PlainError("None of the files could be read as an image.")
    twins = near_duplicate_groups(
        np.stack(thumbnails)[..., None], bundle.dataset.near_duplicate_correlation
    )
    groups = [labelled[place][2] for place in kept]
    named = [group for group in groups if group]
    clusters = clusters_of(groups, twins)
    return make_report(
        bundle.metadata,
        bundle.evaluation,
        ValidatedSet(
            name=name,
            n=len(kept),
            groups=len(set(named)),
            ungrouped=len(kept) - len(named),
            clusters=len(np.unique(clusters)),
            near_duplicates=int((np.bincount(twins)[twins] > 1).sum()),
            unreadable=len(labelled) - len(kept),
        ),
        Answered.of(bundle.classes, [labelled[place][1] for place in kept], clusters, answers),
        seconds=time.monotonic() - started,
    )


def _view(model: TrainedModel, path: Path, crop: Crop) -> Pixels | None:
    """What the model sees of a file, as of an upload."""
    try:
        with path.open("rb") as file:
            picture = read_image(
                file,
                filename=path.name,
                size=path.stat().st_size,
                max_bytes=settings.MAX_UPLOAD_BYTES,
                max_pixels=settings.MAX_UPLOAD_PIXELS,
            )
    except (OSError, UploadRejected):
        return None
    return model_input(model, picture.pixels, crop, found_box(model, picture.pixels, crop))
