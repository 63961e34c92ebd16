"""A small file of whole images, as `classifier.datasets.frames` reads them."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_frames(path: Path, frames: Iterable[tuple[str, NDArray[np.uint8]]]) -> None:
    """Each array (height, width, 3) under its name, without loss."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, pixels in frames:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            archive.writestr(name, buffer.getvalue())
