"""Results as the gallery shows them: rows for its scripts, labels with their keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from classifier.datasets import datasets
from classifier.models import (
    CANNOT_TELL,
    NONE_OF_THESE,
    UNDECIDED,
    UNLIKE_TRAINING,
    Prediction,
    TrainedModel,
)
from classifier.preprocessing import Crop

# Names of what stands in a row: said once, or a page of a thousand images would be twice as long.
COLUMNS: Final = (
    "id", "image", "is_cut", "name", "group", "predicted", "confidence", "certainty", "state",
    "label", "note",
)  # fmt: skip
KEYS: Final = "123456789"
KEY_OF_NONE_OF_THESE: Final = "0"
KEY_OF_CANNOT_TELL: Final = "t"


def row(prediction: Prediction) -> list[Any]:
    """What the tile of a result shows, in the order of `COLUMNS`."""
    return [
        str(prediction.pk),
        str(prediction.image_id),
        # Of a cell in a field the thumbnail of the image would show all of the others.
        Crop(prediction.crop).needs_boxes,
        prediction.image.shown_path,
        prediction.gallery_group,
        prediction.predicted_label,
        round(prediction.confidence or 0.0, 4),
        prediction.certainty,
        prediction.review_state,
        prediction.reviewed_label,
        prediction.note,
    ]


@dataclass(frozen=True)
class Label:
    """What can be said of an image, and the key that says it; empty where keys ran out."""

    name: str
    key: str


def labels_of(models: Iterable[TrainedModel]) -> list[Label]:
    """Classes in the order of their dataset with the keys 1 to 9, and the words beside them."""
    known = [
        datasets()[slug] for slug in dict.fromkeys(m.dataset for m in models) if slug in datasets()
    ]
    names = list(dict.fromkeys(name for dataset in known for name in dataset.labels))
    keys = [*KEYS, *[""] * len(names)]
    classes = [Label(name, key) for name, key in zip(names, keys, strict=False)]
    return [
        *classes,
        Label(NONE_OF_THESE, KEY_OF_NONE_OF_THESE),
        Label(CANNOT_TELL, KEY_OF_CANNOT_TELL),
    ]


@dataclass(frozen=True)
class Section:
    """A group with its heading; empty ones are there to be dropped on."""

    name: str
    title: str
    count: int
    asks_for_a_look: bool


def sections(counts: dict[str, int], labels: Iterable[Label]) -> list[Section]:
    """What asks for a look, the classes with images as `counts` has them, then the empty ones."""
    names = dict.fromkeys([*counts, UNLIKE_TRAINING, UNDECIDED, *(label.name for label in labels)])
    look = {UNLIKE_TRAINING, UNDECIDED}
    ordered = sorted(names, key=lambda name: (name not in counts, name not in look))
    return [
        Section(name, name[:1].upper() + name[1:], counts.get(name, 0), name in look)
        for name in ordered
    ]
