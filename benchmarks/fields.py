"""How many of the white cells of a smear field are found: `python -m benchmarks.fields`.

There are no fields with known cells in the data, so they are composed: a ground of micrographs of
platelets, which shows red cells and theirs, and on it the middles of micrographs of white cells and
erythroblasts, no two of them nearer to each other than a cell is wide. Frames of the test split.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import dist
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import numpy as np
from django.conf import settings
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from classifier.datasets import datasets
from classifier.datasets.frames import load_frames
from classifier.datasets.medmnist import load_split, source_of
from classifier.finder import Cell, find_cells
from classifier.statistics.intervals import wilson_interval

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Point = tuple[float, float]

PLATELET: Final = "platelet"
# What the lightest tenth of each frame is brought to, so that frames join without a seam.
GROUND: Final = np.array([235, 225, 220], np.float32)
# Pixels of a frame at half scale: the disc that is pasted, the least distance between two of them,
# and the distance of the frames of the ground.
DISC, APART, STEP = 110, 95, 130


@dataclass(frozen=True)
class Kind:
    """Fields of `cells` cells, `width` x `height` pixels before they are enlarged by `scale`."""

    name: str
    cells: int
    width: int = 720
    height: int = 576
    scale: float = 1.0


KINDS: Final = (
    Kind("one cell", 1),
    Kind("three cells", 3),
    Kind("ten cells", 10),
    Kind("crowded, 22 cells", 22),
    Kind("six cells, enlarged twice", 6, scale=2.0),
    Kind("six cells, reduced to 0.6", 6, scale=0.6),
    Kind("two cells, 640 x 480", 2, width=360, height=270, scale=1.78),
)


class Composer:
    """Makes fields of the N frames of a split and their classes (N,)."""

    def __init__(self, frames: Sequence[Pixels], is_platelet: NDArray[np.bool_], seed: int) -> None:
        self._frames = frames
        self._platelets, self._others = np.flatnonzero(is_platelet), np.flatnonzero(~is_platelet)
        self._random = np.random.default_rng(seed)

    def field(self, kind: Kind) -> tuple[Pixels, list[Point]]:
        """Pixels of a field, and the middles of its cells."""
        field = np.tile(GROUND, (kind.height, kind.width, 1))
        for upper in range(-20, kind.height, STEP):
            for left in range(-20, kind.width, STEP):
                frame = self._frame(self._platelets)
                fade = np.clip(np.minimum.outer(*map(_from_edge, frame.shape[:2])) / 8, 0, 1)
                # The darker of two, as of things that lie on each other on glass.
                _paste(field, frame, fade, left, upper, darkest=True)
        middles: list[Point] = []
        while len(middles) < kind.cells:
            x, y = map(int, self._random.integers((kind.width, kind.height)))
            if any(dist((x, y), other) < APART for other in middles):
                continue
            frame = self._frame(self._others)
            upper, left = ((side - DISC) // 2 for side in frame.shape[:2])
            disc = frame[upper : upper + DISC, left : left + DISC]
            away = np.hypot(*np.mgrid[:DISC, :DISC] - (DISC - 1) / 2)
            fade = np.clip((DISC / 2 - away) / 10, 0, 1)
            _paste(field, disc, fade, x - DISC // 2, y - DISC // 2)
            middles.append((x, y))
        size = round(kind.width * kind.scale), round(kind.height * kind.scale)
        picture = Image.fromarray(field.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        return np.asarray(picture), [(x * kind.scale, y * kind.scale) for x, y in middles]

    def _frame(self, rows: NDArray[np.intp]) -> Floats:
        frame = self._frames[self._random.choice(rows)].astype(np.float32)
        lightest = np.percentile(frame.reshape(-1, 3), 90, axis=0)
        return np.asarray((frame * (GROUND / lightest)).clip(0, 255), np.float32)


def _from_edge(length: int) -> NDArray[np.intp]:
    places = np.arange(length)
    return np.minimum(places, places[::-1])


def _paste(
    field: Floats, piece: Floats, fade: NDArray[np.floating], left: int, upper: int,
    *, darkest: bool = False,
) -> None:  # fmt: skip
    """Lay a piece on a field, as far as it lies within; `fade` says how much of it is seen."""
    height, width = field.shape[:2]
    rows = slice(max(0, -upper), max(0, min(piece.shape[0], height - upper)))
    columns = slice(max(0, -left), max(0, min(piece.shape[1], width - left)))
    place = field[max(0, upper) : upper + rows.stop, max(0, left) : left + columns.stop]
    seen, part = fade[rows, columns, None], piece[rows, columns]
    place[...] = place * (1 - seen) + (np.minimum(place, part) if darkest else part) * seen


def found_of(cells: Sequence[Cell], middles: Sequence[Point]) -> int:
    """How many of the middles lie in a box of their own."""
    pairs = sorted(
        (dist(cell.centre, middle), box, known)
        for box, cell in enumerate(cells)
        for known, middle in enumerate(middles)
        if cell.box[0] <= middle[0] <= cell.box[2] and cell.box[1] <= middle[1] <= cell.box[3]
    )
    boxes: set[int] = set()
    found: set[int] = set()
    for _, box, known in pairs:
        if box not in boxes and known not in found:
            boxes.add(box)
            found.add(known)
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dataset = datasets()["bloodmnist"]
    frames = load_frames(dataset, "test", settings.MEDMNIST_ROOT)
    labels = load_split(
        settings.MEDMNIST_ROOT / source_of(dataset, 28).file_name,
        "test", size=28, channels=3, classes=len(dataset.classes),
    ).labels  # fmt: skip
    is_platelet = labels == dataset.labels.index(PLATELET)
    composer = Composer(frames.images, is_platelet, arguments.seed)
    table = Table("fields", "cells", "recall", "95 %", "precision")
    total = found = boxes = 0
    for kind in KINDS:
        known = right = taken = 0
        for _ in range(arguments.fields):
            pixels, middles = composer.field(kind)
            cells = [each for each in find_cells(pixels) if not each.is_platelet]
            known += len(middles)
            right += found_of(cells, middles)
            taken += len(cells)
        table.add_row(*row(kind.name, known, right, taken))
        total, found, boxes = total + known, found + right, boxes + taken
    table.add_row(*row("all", total, found, boxes), style="bold")
    Console().print(table)


def row(name: str, known: int, right: int, taken: int) -> tuple[str, ...]:
    low, high = wilson_interval(right, known)
    return name, f"{known}", f"{right / known:.3f}", f"{low:.3f}–{high:.3f}", f"{right / taken:.3f}"


if __name__ == "__main__":
    main()
