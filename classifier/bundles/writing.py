"""Writes the files of a bundle, each whole or not at all."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from classifier.bundles.files import HISTORY_FILE, checksum
from classifier.bundles.parsing import Unsound, validated
from classifier.bundles.registry import (
    EVALUATION_FILE,
    METADATA_FILE,
    Bundle,
    BundleError,
    load_bundle,
)
from classifier.bundles.schema import DataFile, EpochRecord, Evaluation, Metadata, Weights
from classifier.datasets import Dataset
from classifier.datasets.medmnist import source_of

WEIGHTS_FILE: Final = "model.keras"
LIMITS_FILE: Final = "uncertainty.npz"
# Lists of numbers, such as rows of a matrix, are written on one line each.
NUMBER_LIST: Final = re.compile(r"\[(\n[-+.\deE,\s]+\n *)\]")


def data_file(path: Path, dataset: Dataset, size: int) -> DataFile:
    """What a bundle says of the file that its images, `size` pixels a side, come from."""
    return DataFile(
        file=path.name,
        sha256=checksum(path),
        is_medmnist_file=checksum(path, "md5") == source_of(dataset, size).md5,
    )


def replace_file(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody reads half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a file of a bundle in one step, so that people can read and compare it."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    replace_file(
        path, NUMBER_LIST.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"
    )


def write_metadata(folder: Path, values: Mapping[str, Any]) -> None:
    """Write metadata.json into a bundle's folder. Raises BundleError where it would be unsound."""
    try:
        metadata = validated(values, Metadata, METADATA_FILE)
    except Unsound as error:
        raise BundleError(folder.name, error.problems) from error
    write_json(folder / METADATA_FILE, metadata.as_json())


def write_history(folder: Path, history: Sequence[EpochRecord]) -> None:
    """Write history.csv, with the columns of the first record."""
    rows = [record.model_dump(exclude_unset=True) for record in history]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / HISTORY_FILE).write_text(stream.getvalue(), encoding="utf-8")


@contextmanager
def replaced_bundle(target: Path) -> Iterator[Path]:
    """An empty folder to write a bundle into, which then takes the place of `target`.

    Where writing fails, what was there before is kept. Hidden names are not taken for bundles.
    """
    partial = target.with_name(f".{target.name}.partial")
    retired = target.with_name(f".{target.name}.retired")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        folder = partial / target.name
        folder.mkdir(parents=True)
        yield folder
        shutil.rmtree(retired, ignore_errors=True)
        if target.exists():
            target.rename(retired)
        folder.rename(target)
        shutil.rmtree(retired, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def next_version(target: Path, sha256: str) -> tuple[int, Weights]:
    """The version of new weights for the bundle in a folder, and the weights of every version.

    It is one above that on record there, also of a bundle that is broken, since no version must be
    given out twice.
    """
    recorded = _recorded_versions(target)
    version = max(recorded, default=0) + 1
    versions = {str(number): recorded[number] for number in recorded} | {str(version): sha256}
    return version, Weights(file=WEIGHTS_FILE, sha256=sha256, versions=versions)


def _recorded_versions(target: Path) -> dict[int, str]:
    try:
        metadata = json.loads((target / METADATA_FILE).read_text(encoding="utf-8"))
        weights = metadata["weights"]
        recorded = {metadata["version"]: weights["sha256"], **weights.get("versions", {})}
        return {int(version): str(checksum) for version, checksum in recorded.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def write_evaluation(bundle: Bundle, evaluation: Evaluation) -> Bundle:
    """Write evaluation.json, and return the bundle with it.

    A cross-validation, and checks of explanations, that were recorded for the present weights stay
    unless the evaluation brings its own. Raises BundleError when the bundle cannot be served with
    this evaluation.
    """
    for part in ("cross_validation", "explanations"):
        recorded = getattr(bundle.evaluation, part, None)
        if recorded and not getattr(evaluation, part):
            evaluation = evaluation.model_copy(update={part: recorded})
    write_json(bundle.path / EVALUATION_FILE, evaluation.as_json())
    return load_bundle(bundle.path)
