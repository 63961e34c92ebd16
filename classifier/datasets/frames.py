"""The whole images that a dataset's were cut from, which show what surrounds them.

A zip of pictures at one scale, named `SPLIT/ROW_LABEL.EXTENSION` after the row of the data file in
MedMNIST's layout that shows their middle.
"""

import io
import os
import re
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.datasets import Dataset
from classifier.datasets.medmnist import DataError, SplitName
from classifier.preprocessing import Box

_NAME = re.compile(r"(train|val|test)/(\d+)_\d+\.\w+")


@dataclass(frozen=True)
class Frames:
    """Images (height, width, 3) uint8; `side` pixels of their middle are the dataset's image.

    `cells` are the boxes of the cells that they are about, where these were looked for.
    """

    images: Sequence[NDArray[np.uint8]]
    side: float
    cells: Sequence[Box | None] = ()


def load_frames(dataset: Dataset, name: SplitName, data_root: Path) -> Frames:
    """The frames of a split, in the order of its rows.

    Raises DataError where the dataset has none, and where the file is absent, damaged or lacks a
    row.
    """
    if dataset.frames is None or dataset.source_frame is None:
        raise DataError(f"{dataset.title} has no whole images to cut from.")
    path = data_root / dataset.frames
    try:
        encoded = _encoded(path, name)
        if not encoded or sorted(encoded) != list(range(len(encoded))):
            raise DataError(f"{path.name} has not one image for each row of {name}.")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = pool.map(_decoded, (encoded[row] for row in range(len(encoded))))
            images = list(rows)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path.name} cannot be read from {data_root}: {error}. "
            "Put it there, or set MEDMNIST_ROOT to the folder that has it."
        ) from error
    native = dataset.source_frame
    shrunk = np.median([min(image.shape[:2]) for image in images]) / min(
        native.width, native.height
    )
    return Frames(images, float(shrunk * native.crop))


def _encoded(path: Path, name: SplitName) -> dict[int, bytes]:
    """The files of a split by row."""
    with zipfile.ZipFile(path) as archive:
        found = (_NAME.fullmatch(entry) for entry in archive.namelist())
        return {int(each[2]): archive.read(each[0]) for each in found if each and each[1] == name}


def _decoded(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
