"""Labelled images of laboratories that none of a dataset's come from.

A zip of pictures with `labels.csv`: columns `file`, `laboratory` and `class`, a label of the
dataset; other columns and files do not matter.
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.datasets import Dataset
from classifier.datasets.medmnist import DataError


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures as their laboratory has them, of any sizes, and class indices (N,) int64."""

    pictures: tuple[Image.Image, ...]
    labels: NDArray[np.int64]


def load_laboratories(dataset: Dataset, data_root: Path) -> dict[str, LabelledPictures]:
    """By laboratory; none where the dataset names no such file, or it does not lie there.

    Raises DataError where it is damaged or has labels of none of the classes.
    """
    if dataset.laboratories is None or not (path := data_root / dataset.laboratories).exists():
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))
            names = list(dict.fromkeys(row["laboratory"] for row in rows))
            return {
                name: _pictures(
                    archive, dataset, [row for row in rows if row["laboratory"] == name]
                )
                for name in names
            }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is no file of labelled images: {error}.") from error


def _pictures(
    archive: zipfile.ZipFile, dataset: Dataset, rows: list[dict[str, str]]
) -> LabelledPictures:
    mode = "L" if dataset.channels == 1 else "RGB"
    return LabelledPictures(
        tuple(Image.open(io.BytesIO(archive.read(row["file"]))).convert(mode) for row in rows),
        np.array([dataset.labels.index(row["class"]) for row in rows], np.int64),
    )
