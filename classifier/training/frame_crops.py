"""Training images cut anew from the frames behind them: other scales, with true surroundings."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.datasets.frames import Frames
from classifier.finder import find_cell
from classifier.preprocessing import Box, CellScale
from classifier.training.recipe import FrameCrops

Images = NDArray[np.uint8]
_CHUNK = 256


def cut_anew(
    images: Images, frames: Frames, rows: NDArray[np.integer], settings: FrameCrops, seed: int
) -> Images:
    """Copies of images (N, size, size, 3), some of them cut from the frames of their `rows` (N,).

    `seed` decides all; all processors take part, as in `augmentation.augment`.
    """
    result = images.copy()
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(images), _CHUNK)]
    generators = np.random.default_rng(seed).spawn(len(chunks))

    def cut_some(chunk: slice, generator: np.random.Generator) -> None:
        some = result[chunk]
        for index in np.flatnonzero(generator.uniform(size=len(some)) < settings.share):
            row = rows[chunk][index]
            found = settings.found and generator.uniform() < settings.found
            cell = frames.cells[row] if found else None
            some[index] = cut(
                frames.images[row], frames.side, some.shape[1], settings, generator, cell
            )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(cut_some, chunks, generators))
    return result


def found_cells(frames: Frames, scale: CellScale) -> list[Box | None]:
    """The boxes of the cells that the frames are about, as they are found in uploads."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(find_cell, scale=scale), frames.images))


def cut(
    frame: Images,
    side: float,
    size: int,
    settings: FrameCrops,
    generator: np.random.Generator,
    cell: Box | None = None,
) -> Images:
    """(size, size, 3): about `side` pixels of the middle of a frame, as the settings vary it.

    With `cell` it is about that box, whose scale varies half as much: it follows the cell's size.
    """
    height, width = frame.shape[:2]
    octaves = math.log2(settings.scale) / (2 if cell else 1)
    left, upper, right, lower = cell or (0, 0, width, height)
    middle = np.array([left + right, upper + lower]) / 2
    reach = right - left if cell else side
    reach *= 2 ** (generator.triangular(-octaves, 0, octaves) if octaves else 0)
    middle += reach * generator.uniform(-settings.shift, settings.shift, 2)
    if generator.uniform() >= settings.turned:
        return np.asarray(_resized(frame, middle, reach, size))
    # A square that holds the wanted one whichever way that is turned.
    wide = math.ceil(size * math.sqrt(2)) + 2
    wide += (wide - size) % 2
    picture = _resized(frame, middle, reach * wide / size, wide)
    turned = picture.rotate(generator.uniform(0, 360), Image.Resampling.BICUBIC)
    margin = (wide - size) // 2
    return np.asarray(turned.crop((margin, margin, margin + size, margin + size)))


def _resized(frame: Images, middle: NDArray[np.floating], reach: float, size: int) -> Image.Image:
    """A square of the frame as uploads are resized; what lies beyond its edge is mirrored."""
    box = np.concatenate([middle - reach / 2, middle + reach / 2])
    beyond = max(-box[:2].min(), box[2] - frame.shape[1], box[3] - frame.shape[0])
    if beyond > 0:
        margin = math.ceil(beyond)
        frame = np.pad(frame, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
        box += margin
    picture = Image.fromarray(frame)
    return picture.resize((size, size), Image.Resampling.BILINEAR, box=tuple(box))
