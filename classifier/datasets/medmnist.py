"""MedMNIST data files: where they lie, how they are fetched, and their splits as arrays."""

import contextlib
import hashlib
import io
import os
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.datasets import Dataset
from classifier.errors import PlainError
from classifier.preprocessing import Crop, as_picture, model_view

SplitName = Literal["train", "val", "test"]
MEDMNIST_SIZES = (28, 64, 128, 224)
_BLOCK = 1 << 20


class DataError(PlainError):
    """A data file that is absent, damaged or not in MedMNIST's layout."""


@dataclass(frozen=True)
class Split:
    """Images (N, size, size, channels) uint8 and class indices (N,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A data file, and MedMNIST's address and checksum of it; empty for a dataset not of theirs."""

    file_name: str
    url: str = ""
    md5: str = ""


def source_of(dataset: Dataset, size: int) -> Source:
    """The data file for an input size: the smallest of MedMNIST's sizes that is not smaller."""
    stored = next((side for side in MEDMNIST_SIZES if side >= size), MEDMNIST_SIZES[-1])
    suffix = "" if stored == MEDMNIST_SIZES[0] else f"_{stored}"
    file_name = f"{dataset.slug}{suffix}.npz"
    published = medmnist_table().get(dataset.slug, {})
    return Source(
        file_name, str(published.get(f"url{suffix}", "")), str(published.get(f"MD5{suffix}", ""))
    )


def medmnist_table() -> dict[str, dict[str, object]]:
    """MedMNIST's own table of datasets: labels, addresses and checksums."""
    # The package prints a complaint when torch is absent; its table needs no torch.
    with contextlib.redirect_stdout(io.StringIO()):
        from medmnist.info import INFO
    table: dict[str, dict[str, object]] = INFO
    return table


def fetch(source: Source, root: Path, on_progress: Callable[[int, int], None]) -> Path:
    """The path of the data file under `root`, downloading it when it is not there.

    `on_progress` is told the bytes received and the bytes in all (0 when unknown). A file that is
    already there is used as it is. Raises DataError when the download fails or its checksum
    differs.
    """
    path = root / source.file_name
    if path.exists():
        return path
    if not source.url:
        raise DataError(
            f"{source.file_name} is not in {root}, and MedMNIST has no such file to download. "
            "Put it there, in MedMNIST's layout, or set MEDMNIST_ROOT to the folder that has it."
        )
    root.mkdir(parents=True, exist_ok=True)
    incomplete = path.with_suffix(f".{os.getpid()}.partial")
    try:
        digest = _download(source.url, incomplete, on_progress)
        if digest != source.md5:
            raise DataError(f"{source.url} gave a file with MD5 {digest} instead of {source.md5}.")
        incomplete.replace(path)
    except OSError as error:
        raise DataError(
            f"{source.file_name} is not in {root} and could not be downloaded ({error}). "
            f"Download {source.url} on a computer with network access and put it there, "
            "or set MEDMNIST_ROOT to the folder that has it."
        ) from error
    finally:
        incomplete.unlink(missing_ok=True)
    return path


def _download(url: str, path: Path, on_progress: Callable[[int, int], None]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    opened = urllib.request.urlopen(url, timeout=30)  # noqa: S310  # MedMNIST's own https address
    with opened as response, path.open("wb") as stream:
        total = int(response.headers.get("Content-Length") or 0)
        while block := response.read(_BLOCK):
            stream.write(block)
            digest.update(block)
            received += len(block)
            on_progress(received, total)
    return digest.hexdigest()


def load_split(path: Path, name: SplitName, *, size: int, channels: int, classes: int) -> Split:
    """Read one split of a file in MedMNIST's layout, at the size and channels that a network takes.

    Images of another size or with other channels are brought to them just as uploads are. Raises
    DataError when the file is not in MedMNIST's layout, or has labels of none of the classes.
    """
    try:
        with np.load(path) as stored:
            images, labels = stored[f"{name}_images"], stored[f"{name}_labels"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is not a data file in MedMNIST's layout: {error}") from error
    if images.ndim not in (3, 4) or not 0 < len(images) == labels.size:
        raise DataError(
            f"{path.name} is not a data file in MedMNIST's layout: {labels.size} labels for {name} "
            f"images of the shape {images.shape}"
        )
    labels = labels.reshape(-1).astype(np.int64)
    if not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(f"{path.name} has labels beyond the {classes} classes.")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.shape[1:] != (size, size, channels):
        view = partial(model_view, size=size, channels=channels, crop=Crop.NONE, source_frame=None)
        images = np.stack([view(as_picture(image)) for image in images])
    return Split(images, labels)
