"""Images with a box around what they show, from outside: BUS-BRA's breast ultrasounds.

Gómez-Flores et al. 2024, "BUS-BRA: a breast ultrasound dataset for assessing computer-aided
diagnosis systems", Medical Physics 51(4). Nothing of it is kept here but what was measured.
"""

import csv
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.bundles.files import checksum
from classifier.bundles.registry import Bundle
from classifier.bundles.schema import DataFile
from classifier.datasets.medmnist import DataError
from classifier.preprocessing import Crop, crop_box, model_view

IMAGES: Final = 100


@dataclass(frozen=True)
class BoxedImages:
    """Images as a network sees them, and a box in each.

    Attributes:
        images: (N, size, size, channels) uint8.
        boxes: (N, 4) left, upper, right and lower edge in pixels of these images.
        data: the file that they come from.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    data: DataFile


def read_boxed_images(path: Path, bundle: Bundle) -> BoxedImages:
    """Images of different people, always the same ones, from a zip file.

    Its labels.csv has a row for each image, with the columns file, case, width, height and
    lesion_bbox, a JSON list of left, upper, width and height in an image of that width and height.
    The images may be smaller than that. Raises DataError when the file is another one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            table = csv.DictReader(io.StringIO(archive.read("labels.csv").decode()))
            cases = list({row["case"]: row for row in table}.values())
            if not cases:
                raise ValueError("its labels.csv has no row")
            order = np.random.default_rng(0).permutation(len(cases))[:IMAGES]
            pairs = [_read(archive, cases[index], bundle) for index in order]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is not a zip of images with boxes: {error}") from error
    images, boxes = zip(*pairs, strict=True)
    data = DataFile(file=path.name, sha256=checksum(path))
    return BoxedImages(np.stack(images), np.stack(boxes), data)


def _read(
    archive: zipfile.ZipFile, row: dict[str, str], bundle: Bundle
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """An image as the network sees it, and its box in there, cut where the image is."""
    frame = bundle.dataset.source_frame
    with Image.open(io.BytesIO(archive.read(row["file"]))) as image:
        left, upper, right, lower = crop_box(
            image.width, image.height, crop=Crop.AUTO, source_frame=frame
        )
        pixels = model_view(
            image,
            size=bundle.input_size,
            channels=bundle.channels,
            crop=Crop.AUTO,
            source_frame=frame,
        )
        scale = np.tile([image.width / int(row["width"]), image.height / int(row["height"])], 2)
    x, y, width, height = json.loads(row["lesion_bbox"])
    box = np.array([x, y, x + width, y + height]) * scale - [left, upper, left, upper]
    sides = np.array([right - left, lower - upper] * 2)
    return pixels, np.clip(box / sides, 0, 1) * bundle.input_size
