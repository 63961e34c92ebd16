"""Whether a bundle's other files are those that its metadata name, and can be used."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from classifier.bundles.schema import EpochRecord, Metadata, NamedFile

HISTORY_FILE = "history.csv"


def reason(error: Exception) -> str:
    """What went wrong, without the number and path that an OSError's text brings."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def file_problems(folder: Path, metadata: Metadata) -> list[str]:
    """Say why the files that the metadata name cannot be used, one plain sentence each."""
    problems = named_file_problems(folder, metadata.weights, "weights file", ".keras")
    if metadata.uncertainty:
        found = named_file_problems(folder, metadata.uncertainty, "uncertainty file", ".npz")
        path = folder / metadata.uncertainty.file
        problems += found or list(_array_problems(path, len(metadata.classes)))
    return problems


def named_file_problems(folder: Path, named: NamedFile, what: str, suffix: str) -> list[str]:
    """Say why a file is not the one of that name and checksum."""
    try:
        return list(_mismatches(folder, named, what, suffix))
    # ValueError: the name holds a NUL. RuntimeError: a link leads back to itself.
    except (OSError, RuntimeError, ValueError) as error:
        return [f"The {what} {named.file!r} cannot be read: {reason(error)}."]


def _mismatches(folder: Path, named: NamedFile, what: str, suffix: str) -> Iterator[str]:
    path = folder / named.file
    if path.resolve().parent != folder.resolve():
        yield f"The {what} {named.file!r} is not inside the bundle's folder."
    elif not path.is_file():
        yield f"The {what} {named.file!r} is missing."
    elif path.suffix != suffix:
        yield f"The {what} {named.file!r} is not a {suffix} file."
    elif checksum(path) != named.sha256:
        yield f"The checksum of {named.file!r} is not the one in metadata.json."


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _array_problems(path: Path, classes: int) -> Iterator[str]:
    """The arrays of `classifier.networks.limits.Limits`, in shapes that fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays: dict[str, NDArray[Any]] = {name: stored[name] for name in stored.files}
    # What NumPy raises depends on what is wrong with the file.
    except Exception as error:
        yield f"{path.name} cannot be read: {reason(error)}."
        return
    directions = arrays.get("axes", np.zeros(0))
    features, axes = directions.shape if directions.ndim == 2 else (-1, -1)
    images = len(np.atleast_1d(arrays.get("reference", np.zeros(0))))
    shapes = {
        "centre": (features,),
        "scale": (features,),
        "axes": (features, axes),
        "reference": (images, axes + 1),
        "spread": (images,),
        "limit": (),
        "thresholds": (classes,),
    }
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or not arrays[name].size:
            yield f"{name} in {path.name} is missing or has another shape than {shape}."
        elif arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            yield f"{name} in {path.name} holds something other than finite numbers."


def read_history(folder: Path) -> list[EpochRecord]:
    """One record per epoch; empty where there is no history.

    Raises ValueError when it is no table of numbers with a column `epoch`.
    """
    try:
        with (folder / HISTORY_FILE).open(encoding="utf-8", newline="") as stream:
            # A line with more values than columns has them under None.
            return [EpochRecord.model_validate(line) for line in csv.DictReader(stream)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, ValidationError, csv.Error) as error:
        problem = f"{HISTORY_FILE} is not a table of numbers with a line per epoch."
        raise ValueError(problem) from error
