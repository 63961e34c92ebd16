"""Descriptions of classes of somebody's own, written while the application runs."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.conf import settings
from pydantic import ValidationError

from classifier.datasets import OWN_LICENCE, Dataset, DatasetClass, DatasetError, datasets

LONGEST_TITLE: Final = 80
OWN_SLUG: Final = re.compile(r"own-[0-9a-f]{12}")


def own_dataset(slug: str, name: str, labels: Sequence[str], kind: Dataset) -> Dataset:
    """What is known of classes of one's own, of images of a kind that is known otherwise.

    Args:
        name: what people call the images.
    """
    title = name[:LONGEST_TITLE]
    return Dataset(
        slug=slug,
        title=title,
        image_kind=f"{kind.image_kind}: {title}",
        image_noun=kind.image_noun,
        channels=kind.channels,
        classes=tuple(DatasetClass(label=label, gloss="") for label in labels),
        positive_class=None,
        source_frame=kind.source_frame,
        cells=kind.cells,
        crop_help=kind.crop_help,
        corruptions=(),
        near_duplicate_correlation=kind.near_duplicate_correlation,
        licence=OWN_LICENCE,
        citation="",
        source_name=f"“{title}”",
        source_note=f"“{title}”: images and classes of somebody who uses this installation.",
        intended_use=(
            "Research and teaching: sorting images of the laboratory that labelled them into its "
            "own classes. Not a medical device and not for diagnosis."
        ),
        limitations=(
            "The classes and their labels are one person's or group's own; nobody else has "
            "checked them.",
            "The probabilities are always shared out among these classes, also for an image that "
            "shows none of them.",
        ),
    )


def own_dataset_path(slug: str) -> Path:
    """Where its file lies, whether there is one or not."""
    return Path(settings.OWN_DATASETS_DIR) / f"{slug}.json"


def write_own_dataset(dataset: Dataset) -> None:
    """Write its file in one step; from then on all processes know it. Raises OSError."""
    path = own_dataset_path(dataset.slug)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(
        json.dumps(dataset.model_dump(mode="json"), indent=2, ensure_ascii=False), encoding="utf-8"
    )
    partial.replace(path)


def take_own_dataset(path: Path) -> Dataset | None:
    """Make a description that came with a model known here; None where it is known already.

    Raises DatasetError where it is unsound, or other classes are known here by its name; OSError.
    """
    try:
        dataset = Dataset.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DatasetError("The classes of this model are not described soundly.") from error
    known = datasets().get(dataset.slug)
    if known == dataset:
        return None
    if known or not dataset.is_own or not OWN_SLUG.fullmatch(dataset.slug):
        raise DatasetError("Other classes are known here by the name of this model's.")
    write_own_dataset(dataset)
    return dataset
