"""Model bundles on disk: discovery and verification.

Imports neither TensorFlow nor the database. What needs the network itself (its output width and
input size) is checked by `manage.py verify_bundles`.
"""

from dataclasses import dataclass
from pathlib import Path

from classifier.bundles.files import file_problems, reason
from classifier.bundles.files import read_history as read_history_file
from classifier.bundles.parsing import Parsed, Unsound, parse
from classifier.bundles.schema import EpochRecord, Evaluation, Metadata
from classifier.datasets import Dataset, datasets
from classifier.errors import PlainError

METADATA_FILE = "metadata.json"
EVALUATION_FILE = "evaluation.json"


class BundleError(PlainError):
    """A bundle that cannot be served; `problems` says why, one plain sentence each."""

    def __init__(self, slug: str, problems: list[str]) -> None:
        super().__init__(f"{slug}: " + " ".join(problems))
        self.slug = slug
        self.problems = problems


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle: a folder with weights, metadata and evaluation."""

    path: Path
    metadata: Metadata
    evaluation: Evaluation | None

    @property
    def slug(self) -> str:
        """Name of the bundle, which is also that of its folder."""
        return self.metadata.slug

    @property
    def version(self) -> int:
        """Counts up by one whenever the weights change."""
        return self.metadata.version

    @property
    def dataset(self) -> Dataset:
        """The dataset that the model was trained on."""
        return datasets()[self.metadata.dataset]

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the network's outputs."""
        return self.metadata.classes

    @property
    def input_size(self) -> int:
        """Side of the square input image in pixels."""
        return self.metadata.input.size

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return self.metadata.input.channels

    @property
    def sha256(self) -> str:
        """Checksum of the weights file, hexadecimal."""
        return self.metadata.weights.sha256

    @property
    def weights_path(self) -> Path:
        """The `.keras` file."""
        return self.path / self.metadata.weights.file

    @property
    def limits_path(self) -> Path | None:
        """The .npz file of `classifier.networks.limits`, None for bundles without one."""
        fitted = self.metadata.uncertainty
        return self.path / fitted.file if fitted else None


@dataclass(frozen=True)
class Discovery:
    """What a models folder holds: bundles fit to serve, and what is wrong with the others."""

    bundles: tuple[Bundle, ...]
    errors: tuple[BundleError, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """Names of the bundles fit to serve."""
        return tuple(bundle.slug for bundle in self.bundles)


def report_order(metadata: Metadata) -> tuple[float, str]:
    """Sort key of tables: the models of the original report by its accuracy, then the others."""
    return -metadata.reported.accuracy if metadata.reported else 1.0, metadata.title


def discover(root: Path) -> Discovery:
    """Verify every bundle under `root`; hidden folders are passed over, an absent root is empty."""
    bundles: list[Bundle] = []
    errors: list[BundleError] = []
    folders = sorted(root.iterdir()) if root.is_dir() else []
    for path in folders:
        if not path.is_dir() or path.name[0] in "._":
            continue
        try:
            bundles.append(load_bundle(path))
        except BundleError as error:
            errors.append(error)
    return Discovery(tuple(bundles), tuple(errors))


def load_bundle(path: Path, *, require_evaluation: bool = True) -> Bundle:
    """Read and verify the bundle in a folder.

    A bundle fresh from training has no evaluation yet; `require_evaluation=False` lets it pass.
    Raises BundleError with every problem that could be found.
    """
    slug = path.name
    metadata = _read(path / METADATA_FILE, Metadata)
    problems = file_problems(path, metadata)
    if metadata.slug != slug:
        problems.insert(0, f"The slug {metadata.slug!r} is not the folder's name.")
    if problems:
        raise BundleError(slug, problems)
    evaluation = None
    if require_evaluation or (path / EVALUATION_FILE).exists():
        evaluation = _read(path / EVALUATION_FILE, Evaluation, metadata)
    read_history(path)
    return Bundle(path, metadata, evaluation)


def read_history(path: Path) -> list[EpochRecord]:
    """The training history in a bundle's folder, one record per epoch; empty without one.

    Raises BundleError when it is no table of numbers with a column `epoch`.
    """
    try:
        return read_history_file(path)
    except ValueError as error:
        raise BundleError(path.name, [str(error)]) from error


def _read(path: Path, section: type[Parsed], context: object = None) -> Parsed:
    slug = path.parent.name
    try:
        return parse(path.read_text(encoding="utf-8"), section, path.name, context)
    except FileNotFoundError:
        raise BundleError(slug, [f"{path.name} is missing."]) from None
    except Unsound as error:
        raise BundleError(slug, error.problems) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(slug, [f"{path.name} cannot be read: {reason(error)}."]) from error
