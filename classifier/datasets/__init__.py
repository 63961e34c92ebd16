"""What is known of each dataset, read from its JSON file in this folder.

Whatever is about one dataset and not about all stands in its file, so that a new file needs no
code.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from classifier.errors import PlainError
from classifier.preprocessing import CellScale, SourceFrame

DATASETS_DIR = Path(__file__).parent

# Of classes that somebody made here.
OWN_LICENCE: Final = "own"

# Kinds of damage, see `classifier.evaluation.corruptions`.
CorruptionGroup = Literal["common", "stain", "scanner"]


class DatasetError(PlainError):
    """A dataset file that cannot be used; says which and why."""


class DatasetClass(BaseModel):
    """One class: its name as MedMNIST gives it, and what it is in everyday words."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    label: str
    gloss: str


class Differential(BaseModel):
    """What of a dataset's cells makes up a differential count.

    Attributes:
        denominator: labels of the cells whose proportions are given, which make 100 % together.
        per_hundred: labels of the cells that are told as so many to 100 of these.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    denominator: Annotated[tuple[str, ...], Field(min_length=1)]
    per_hundred: tuple[str, ...]


class ClassGroup(BaseModel):
    """Classes that are allowed together, where an image can show no other."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    slug: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str
    labels: Annotated[tuple[str, ...], Field(min_length=2)]


class SampleDescription(BaseModel):
    """A synthetic image: what it is called and shows, and how `classifier.synthetic` draws it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: str
    alt: str
    drawing: str
    seed: Annotated[int, Field(ge=0)]


class AdaptationExperience(BaseModel):
    """How often the default model was right on the images of a laboratory that it never saw.

    Attributes:
        shipped: proportion as it is shipped.
        adapted: after it was adapted to 5, 10 and 20 images of each class, in this order.
        source: whose images, and which model measured when.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    laboratory: str
    shipped: Annotated[float, Field(ge=0, le=1)]
    adapted: tuple[float, float, float]
    source: str


class Dataset(BaseModel):
    """What kind of images a model is for.

    Attributes:
        image_kind: what one image shows, such as "Blood cell".
        image_noun: the same within a sentence, such as "a blood cell".
        channels: 1 for grey, 3 for RGB.
        classes: in index order.
        positive_class: the label whose recall is the sensitivity; None where no class is special.
        source_frame: the images as laboratories have them; None where they were not cut from any.
        frames: file of the whole images that those of the dataset were cut from, where it may be
            had; see `classifier.datasets.frames`.
        laboratories: file of images of other laboratories, where it may be had; see
            `classifier.datasets.laboratories`.
        cells: how its cells are framed where they are found; None where nothing is looked for.
        crop_help: what the automatic crop does, for people who choose one.
        corruptions: the kinds of damage that a model is measured under.
        samples: synthetic images for trying the application out, in the order to show them in.
        near_duplicate_correlation: that of two thumbnails above which they show the same.
        groups: classes that people allow together, for images that can show no other.
        differential: what a differential count counts; None where images show no such cells.
        source_name: names the images and their split, for our own split.
        adaptation_experience: what labelled images of other laboratories were worth.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    slug: str
    title: str
    image_kind: str
    image_noun: str
    channels: Literal[1, 3]
    classes: Annotated[tuple[DatasetClass, ...], Field(min_length=2)]
    positive_class: str | None
    source_frame: SourceFrame | None
    frames: str | None = None
    laboratories: str | None = None
    cells: CellScale | None = None
    crop_help: str
    corruptions: tuple[CorruptionGroup, ...]
    near_duplicate_correlation: Annotated[float, Field(gt=0, le=1)]
    samples: tuple[SampleDescription, ...] = ()
    licence: str
    citation: str
    source_name: str
    source_note: str
    intended_use: str
    limitations: tuple[str, ...]
    groups: tuple[ClassGroup, ...] = ()
    differential: Differential | None = None
    adaptation_experience: tuple[AdaptationExperience, ...] = ()

    @model_validator(mode="after")
    def positive_class_is_a_class(self) -> Self:
        """Raise ValueError for a label that no class has."""
        if self.positive_class is not None and self.positive_class not in self.labels:
            raise ValueError(f"no class is named {self.positive_class!r}")
        return self

    @model_validator(mode="after")
    def differential_counts_classes_once(self) -> Self:
        """Raise ValueError for a label that no class has, and for one that stands there twice."""
        if self.differential is None:
            return self
        counted = (*self.differential.denominator, *self.differential.per_hundred)
        for label in counted:
            if label not in self.labels:
                raise ValueError(f"the differential counts {label!r}, which is no class")
            if counted.count(label) > 1:
                raise ValueError(f"the differential counts {label!r} twice")
        return self

    @model_validator(mode="after")
    def groups_are_of_classes(self) -> Self:
        """Raise ValueError for a label that no class has, or that is called as a group is."""
        for group in self.groups:
            if unknown := set(group.labels) - set(self.labels):
                raise ValueError(f"the group {group.slug!r} has {unknown}, which are no classes")
            if group.slug in self.labels:
                raise ValueError(f"the group {group.slug!r} is called as a class is")
        return self

    @property
    def is_own(self) -> bool:
        """Whether somebody made it here, for those alone who may choose its models."""
        return self.licence == OWN_LICENCE

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in index order."""
        return tuple(each.label for each in self.classes)

    def data_name(self, *, is_medmnist_file: bool) -> str:
        """Name the images and their split.

        No figure is shown without it: MedMNIST's own split and ours are not the same.
        """
        return (
            f"{self.title}, MedMNIST's own file and split" if is_medmnist_file else self.source_name
        )


def datasets() -> Mapping[str, Dataset]:
    """The known datasets by slug, those made here last; those with an unsound file are left out.

    `dataset_errors` says what is wrong with these. What is added or removed while the application
    runs is seen by all its processes.
    """
    own = Path(settings.OWN_DATASETS_DIR)
    try:
        changed = own.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _read_all(DATASETS_DIR, own, changed)


def shipped_datasets() -> Mapping[str, Dataset]:
    """Those that everybody may know of."""
    return {slug: dataset for slug, dataset in datasets().items() if not dataset.is_own}


@lru_cache(maxsize=4)
def _read_all(shipped: Path, own: Path, changed: int) -> Mapping[str, Dataset]:
    files = [*sorted(shipped.glob("*.json")), *sorted(own.glob("*.json"))]
    found: dict[str, Dataset] = {}
    for read in map(_read_or_error, files):
        if isinstance(read, Dataset):
            found.setdefault(read.slug, read)
    return MappingProxyType(found)


def dataset_errors(directory: Path = DATASETS_DIR) -> list[DatasetError]:
    """What is wrong with the dataset files in a folder."""
    read = (_read_or_error(path) for path in sorted(directory.glob("*.json")))
    return [each for each in read if isinstance(each, DatasetError)]


def _read_or_error(path: Path) -> Dataset | DatasetError:
    try:
        return read_dataset(path)
    except DatasetError as error:
        return error


def read_dataset(path: Path) -> Dataset:
    """Read one file. Raises DatasetError that names the file and its fields."""
    try:
        dataset = Dataset.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = (
            ": ".join(filter(None, [".".join(map(str, each["loc"])), each["msg"]]))
            for each in error.errors(include_url=False)
        )
        raise DatasetError(f"{path.name}: {'; '.join(faults)}.") from error
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be read: {error}.") from error
    if dataset.slug != path.stem:
        raise DatasetError(f"{path.name}: the slug {dataset.slug!r} is not the file's name.")
    return dataset
