"""Model bundles on disk: discovery and verification.

Imports neither TensorFlow nor Django. What needs the network itself (its output width and input
size) is checked by `manage.py verify_bundles`.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.bundles import verification
from classifier.datasets import Dataset, datasets

SCHEMA_VERSION = 1
METADATA_FILE = verification.METADATA_FILE
EVALUATION_FILE = verification.EVALUATION_FILE
LONGEST = verification.LONGEST
HISTORY_FILE = "history.csv"


class BundleError(Exception):
    """A bundle that cannot be served; `problems` says why, one plain sentence each."""

    def __init__(self, slug: str, problems: list[str]) -> None:
        super().__init__(f"{slug}: " + " ".join(problems))
        self.slug = slug
        self.problems = problems


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle: a folder with weights, metadata and evaluation."""

    path: Path
    metadata: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None

    @property
    def slug(self) -> str:
        """Name of the bundle, which is also that of its folder."""
        return str(self.metadata["slug"])

    @property
    def title(self) -> str:
        """Name of the model for people."""
        return str(self.metadata["title"])

    @property
    def version(self) -> int:
        """Counts up by one whenever the weights change."""
        return int(self.metadata["version"])

    @property
    def dataset(self) -> Dataset:
        """The dataset that the model was trained on."""
        return datasets()[self.metadata["dataset"]]

    @property
    def architecture(self) -> str:
        """Name of the builder in `classifier.networks.architectures`, or as given to add_model."""
        return str(self.metadata["architecture"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the network's outputs."""
        return tuple(self.metadata["classes"])

    @property
    def input_size(self) -> int:
        """Side of the square input image in pixels."""
        return int(self.metadata["input"]["size"])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return int(self.metadata["input"]["channels"])

    @property
    def weights_path(self) -> Path:
        """The `.keras` file."""
        return self.path / str(self.metadata["weights"]["file"])

    @property
    def uncertainty_path(self) -> Path | None:
        """The .npz file of `classifier.networks.limits`, None for bundles without one."""
        named = self.metadata.get("uncertainty")
        return self.path / str(named["file"]) if named else None

    @property
    def uncertainty_layers(self) -> list[str] | None:
        """Layers whose statistics it is about, None for bundles without it."""
        named = self.metadata.get("uncertainty")
        return list(named["layers"]) if named else None

    @property
    def sha256(self) -> str:
        """Checksum of the weights file, hexadecimal."""
        return str(self.metadata["weights"]["sha256"])

    @property
    def parameters(self) -> int:
        """Number of weights in the network."""
        return int(self.metadata["parameters"])

    @property
    def recommended(self) -> bool:
        """Whether this is the model to choose by default for its dataset."""
        return bool(self.metadata.get("recommended", False))


@dataclass(frozen=True)
class Discovery:
    """What a models folder holds: bundles fit to serve, and what is wrong with the others."""

    bundles: tuple[Bundle, ...]
    errors: tuple[BundleError, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """Names of the bundles fit to serve."""
        return tuple(bundle.slug for bundle in self.bundles)


def report_order(metadata: Mapping[str, Any]) -> tuple[float, str]:
    """Sort key of tables: the models of the original report by its accuracy, then the others."""
    reported = metadata.get("reported")
    return -reported["accuracy"] if reported else 1.0, str(metadata["title"])


def discover(root: Path) -> Discovery:
    """Verify every bundle under `root`; hidden folders are passed over, an absent root is empty."""
    bundles: list[Bundle] = []
    errors: list[BundleError] = []
    for path in _bundle_folders(root):
        try:
            bundles.append(load_bundle(path))
        except BundleError as error:
            errors.append(error)
    return Discovery(tuple(bundles), tuple(errors))


def _bundle_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def load_bundle(path: Path, *, require_evaluation: bool = True) -> Bundle:
    """Read and verify the bundle in a folder.

    A bundle fresh from training has no evaluation yet; `require_evaluation=False` lets it pass.
    Raises BundleError with every problem that could be found.
    """
    slug = path.name
    metadata = _read_object(path / METADATA_FILE, slug)
    _raise_any(slug, verification.metadata_type_problems(metadata))
    _raise_any(slug, list(_metadata_problems(path, metadata)))
    evaluation = None
    if require_evaluation or (path / EVALUATION_FILE).exists():
        evaluation = _read_object(path / EVALUATION_FILE, slug)
        _raise_any(slug, verification.evaluation_type_problems(evaluation))
        _raise_any(slug, list(verification.evaluation_problems(metadata, evaluation)))
    read_history(path)
    return Bundle(path, metadata, evaluation)


def read_history(path: Path) -> list[dict[str, float]]:
    """Read the training history in a bundle's folder, one line per epoch; empty without one.

    Raises BundleError when it is no table of numbers with a column `epoch`.
    """
    try:
        with (path / HISTORY_FILE).open(encoding="utf-8", newline="") as stream:
            return [_history_line(line) for line in csv.DictReader(stream)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        problem = f"{HISTORY_FILE} is not a table of numbers with a line per epoch."
        raise BundleError(path.name, [problem]) from error


def _history_line(line: Mapping[str, str]) -> dict[str, float]:
    values = {key: float(value) for key, value in line.items()}
    if not values["epoch"] >= 1:
        raise ValueError(values["epoch"])
    return values


def _raise_any(slug: str, problems: list[str]) -> None:
    if problems:
        raise BundleError(slug, problems)


def _read_object(path: Path, slug: str) -> dict[str, Any]:
    try:
        value = verification.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(slug, [f"{path.name} is missing."]) from None
    except (OSError, ValueError) as error:
        reason = verification.reason(error)
        raise BundleError(slug, [f"{path.name} cannot be read: {reason}."]) from error
    if not isinstance(value, dict):
        raise BundleError(slug, [f"{path.name} does not hold an object."])
    return value


def _metadata_problems(path: Path, metadata: Mapping[str, Any]) -> Iterator[str]:
    if metadata["schema_version"] != SCHEMA_VERSION:
        yield f"schema_version is {metadata['schema_version']}, not {SCHEMA_VERSION}."
    if metadata["slug"] != path.name:
        yield f"The slug {metadata['slug']!r} is not the folder's name."
    yield from verification.metadata_problems(metadata)
    yield from _class_problems(metadata)
    yield from verification.weights_problems(path, metadata["weights"])
    yield from verification.version_problems(metadata)
    if "uncertainty" in metadata:
        yield from verification.uncertainty_problems(path, metadata)


def _class_problems(metadata: Mapping[str, Any]) -> Iterator[str]:
    dataset = datasets().get(metadata["dataset"])
    if dataset is None:
        yield f"The dataset {metadata['dataset']!r} is not known."
    elif tuple(metadata["classes"]) != dataset.labels:
        yield f"The classes are not those of {dataset.title}, or not in its order."
