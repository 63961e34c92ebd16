"""Noise and soft-edged shapes, the material that the samples are drawn from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Field = npt.NDArray[np.float32]


def smooth_noise(
    random: np.random.Generator, shape: tuple[int, int], grain: tuple[float, float]
) -> Field:
    """Random field of ``shape`` (rows, columns), mean about 0 and deviation about 1.

    ``grain`` is how far apart, in rows and columns, independent values lie; those between are
    interpolated.
    """
    rows, columns = (
        max(2, round(length / step)) for length, step in zip(shape, grain, strict=True)
    )
    coarse = random.standard_normal((rows, columns), np.float32)
    size = (shape[1], shape[0])
    fine = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return np.asarray(fine / fine.std(), np.float32)


def soft_step(values: Field, low: float, high: float) -> Field:
    """0 below ``low``, 1 above ``high``, and a smooth rise between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def union(*depths: Field) -> Field:
    return np.asarray(np.maximum.reduce(depths), np.float32)


@dataclass(frozen=True)
class Blob:
    """An ellipse with a wavy outline; lengths in pixels, angles in radians.

    Attributes:
        waves: (cycles around the outline, height as a share of the radius, phase) each.
        margin: how far outside the outline the depth is wanted.
    """

    x: float
    y: float
    radius_x: float
    radius_y: float
    angle: float = 0.0
    waves: tuple[tuple[int, float, float], ...] = ()
    margin: float = 8

    def depth(self, shape: tuple[int, int]) -> Field:
        """About how many pixels each point lies inside the outline; far outside, -1000."""
        depth = np.full(shape, -1000, np.float32)
        rows, columns = self.window(shape)
        down, right = np.ogrid[rows, columns]
        depth[rows, columns] = self._depth_at(
            right.astype(np.float32) - np.float32(self.x),
            down.astype(np.float32) - np.float32(self.y),
        )
        return depth

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """The part of an image of ``shape`` that the outline with its margin can reach."""
        waves = sum(height for _, height, _ in self.waves)
        reach = (1 + waves) * max(self.radius_x, self.radius_y) + self.margin
        return (
            slice(max(0, round(self.y - reach)), max(0, min(shape[0], round(self.y + reach)))),
            slice(max(0, round(self.x - reach)), max(0, min(shape[1], round(self.x + reach)))),
        )

    def _depth_at(self, right: Field, down: Field) -> Field:
        cosine, sine = np.cos(np.float32(self.angle)), np.sin(np.float32(self.angle))
        across = (right * cosine + down * sine) / np.float32(self.radius_x)
        along = (down * cosine - right * sine) / np.float32(self.radius_y)
        around = np.arctan2(along, across)
        outline = np.ones_like(around)
        for cycles, height, phase in self.waves:
            outline += np.float32(height) * np.cos(cycles * around + np.float32(phase))
        distance = 1 - np.hypot(across, along) / outline
        return np.asarray(distance * min(self.radius_x, self.radius_y), np.float32)


def dots(
    random: np.random.Generator, shape: tuple[int, int], radii: tuple[float, float], spacing: float
) -> Field:
    """Mask of round dots with edges smoothed by drawing them three times as large.

    ``radii`` are the smallest and the largest; there is one dot for each square of ``spacing``.
    """
    large = Image.new("L", (3 * shape[1], 3 * shape[0]))
    pen = ImageDraw.Draw(large)
    count = round(shape[0] * shape[1] / spacing**2)
    centres = random.uniform((0, 0), large.size, (count, 2))
    for (x, y), radius in zip(centres, 3 * random.uniform(*radii, count), strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(np.asarray(large.reduce(3)) / 255, np.float32)


def wavy(
    random: np.random.Generator, height: float, cycles: tuple[int, ...]
) -> tuple[tuple[int, float, float], ...]:
    """Waves for a ``Blob``, the finer the lower."""
    return tuple(
        (count, height * random.uniform(0.5, 1) * cycles[0] / count, random.uniform(0, 2 * np.pi))
        for count in cycles
    )
