"""What is known of each dataset, read from its JSON file in this folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from classifier.preprocessing import SourceFrame

DATASETS_DIR = Path(__file__).parent


@dataclass(frozen=True)
class DatasetClass:
    """One class: its name as MedMNIST gives it, and what it is in everyday words."""

    label: str
    gloss: str


@dataclass(frozen=True)
class Dataset:
    """What kind of images a model is for. `classes` are in index order."""

    slug: str
    title: str
    image_kind: str
    channels: int
    classes: tuple[DatasetClass, ...]
    positive_class: str | None
    source_frame: SourceFrame | None
    licence: str
    citation: str
    source_name: str
    source_note: str
    intended_use: str
    limitations: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in index order."""
        return tuple(dataset_class.label for dataset_class in self.classes)

    def data_name(self, data: Mapping[str, Any]) -> str:
        """Name the images and their split; `data` is what an evaluation or training says of them.

        No figure is shown without it: MedMNIST's own split and ours are not the same.
        """
        if data.get("is_medmnist_file"):
            return f"{self.title}, MedMNIST's own file and split"
        return self.source_name


@cache
def datasets() -> Mapping[str, Dataset]:
    """Give the known datasets by slug, in alphabetical order."""
    known = (_read_dataset(path) for path in sorted(DATASETS_DIR.glob("*.json")))
    return MappingProxyType({dataset.slug: dataset for dataset in known})


def _read_dataset(path: Path) -> Dataset:
    values = json.loads(path.read_text(encoding="utf-8"))
    frame = values.pop("source_frame")
    return Dataset(
        classes=tuple(DatasetClass(**each) for each in values.pop("classes")),
        limitations=tuple(values.pop("limitations")),
        source_frame=SourceFrame(**frame) if frame else None,
        **values,
    )
