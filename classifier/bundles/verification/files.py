"""Whether a bundle's other files are those that its metadata name."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from classifier.bundles.verification.values import METADATA_FILE, reason


def weights_problems(folder: Path, weights: Mapping[str, str]) -> list[str]:
    """Say why the weights file cannot be the one that the metadata name."""
    return file_problems(folder, weights, "weights file", ".keras")


def file_problems(folder: Path, named: Mapping[str, str], what: str, suffix: str) -> list[str]:
    """Say why a file cannot be the one named by `file` and `sha256`."""
    try:
        return list(_mismatches(folder, named, what, suffix))
    # ValueError: the name holds a NUL. RuntimeError: a link leads back to itself.
    except (OSError, RuntimeError, ValueError) as error:
        return [f"The {what} {named['file']!r} cannot be read: {reason(error)}."]


def _mismatches(folder: Path, named: Mapping[str, str], what: str, suffix: str) -> Iterator[str]:
    file_name = named["file"]
    path = folder / file_name
    if path.resolve().parent != folder.resolve():
        yield f"The {what} {file_name!r} is not inside the bundle's folder."
    elif not path.is_file():
        yield f"The {what} {file_name!r} is missing."
    elif path.suffix != suffix:
        yield f"The {what} {file_name!r} is not a {suffix} file."
    elif _sha256(path) != named["sha256"]:
        yield f"The checksum of {file_name!r} is not the one in {METADATA_FILE}."


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
