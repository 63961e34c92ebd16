"""Synthetic breast ultrasound: speckled layers of tissue, with or without a lesion."""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from classifier.synthetic.textures import Blob, Field, smooth_noise, soft_step

WIDTH: Final = 560
HEIGHT: Final = 470
SHAPE: Final = (HEIGHT, WIDTH)
# Echoes weaker than this, in decibels below the strongest that is shown, are black.
DYNAMIC_RANGE: Final = 58.0
# Depth and thickness in pixels and gain in decibels of skin, septum and fasciae.
BRIGHT_LINES: Final = (
    (15, 3, 12),
    (58, 3, 9),
    (110, 4, 9),
    (271, 4, 10),
    (284, 3, 7),
    (372, 3, 14),
)


class Scan:
    """A scan being composed; ``echo`` is the mean echo in decibels, 0 for the brightest shown."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
        # Layers of tissue rise and fall from side to side, the deeper the more.
        swell = 13 * self.noise(230, 200) + 4 * self.noise(80, 70)
        self.depth = np.asarray(rows + swell * soft_step(rows, 0, 150), np.float32)
        self.echo = np.full(SHAPE, -30, np.float32)
        self._tissue()

    def noise(self, rows: float, columns: float) -> Field:
        return smooth_noise(self.random, SHAPE, (rows, columns))

    def layered(self, field: Field) -> Field:
        """Bend a random field so that it follows the layers."""
        rows = np.clip(self.depth.round().astype(np.intp), 0, HEIGHT - 1)
        return np.asarray(np.take_along_axis(field, rows, axis=0), np.float32)

    def layer(self, top: float, bottom: float, echo: float, change: Field) -> None:
        """Set a band to ``echo`` plus ``change``, with soft borders."""
        above = soft_step(self.depth, top - 5, top + 5)
        below = soft_step(self.depth, bottom - 5, bottom + 5)
        self.echo += (above - below) * (echo + change - self.echo)

    def bright_line(self, depth: float, thickness: float, gain: float) -> None:
        strength = gain * soft_step(self.noise(470, 60), -1, 1.2)
        self.echo += strength * _ridge(self.depth - depth, thickness)

    def _tissue(self) -> None:
        """Skin, fat, gland, muscle and what lies behind, from the probe downwards."""
        fine = self.layered(self.noise(4, 40))
        fibres = self.layered(self.noise(9, 90))
        lobules = self.layered(self.noise(34, 95))
        septa = _ridge(lobules, 0.16) + 0.7 * _ridge(self.layered(self.noise(26, 70)), 0.12)
        self.layer(-40, 14, -13, fine)
        self.layer(14, 112, -33, 2.5 * lobules + fine + 9 * septa)
        self.layer(112, 270, -24, 4 * self.noise(24, 34) + 3 * fibres + 2 * fine + 3 * septa)
        self.layer(270, 370, -36, 4 * fibres + 5 * fine)
        self.layer(370, 900, -44, 2 * fibres)
        for depth, thickness, gain in BRIGHT_LINES:
            self.bright_line(depth, thickness, gain)
        # Sound is lost on the way, more than the scanner makes up for.
        self.echo -= 0.02 * np.maximum(self.depth - 100, 0)

    def finish(self) -> Image.Image:
        """Speckle is the sum of many random echoes: Rayleigh-distributed, here over two looks."""
        power = sum(self.noise(2.2, 3.6) ** 2 for _ in range(4)) / np.float32(4)
        shown = self.echo + 10 * np.log10(power + np.float32(0.06))
        grey = 255 * np.clip(1 + shown / DYNAMIC_RANGE, 0, 1) ** 1.25
        grey += 2 * self.random.standard_normal(SHAPE, np.float32)
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))

    def behind(self, lesion: Blob, spread: float) -> Field:
        """Where sound arrives through the lesion: below it, with borders of relative ``spread``."""
        rows, columns = np.ogrid[:HEIGHT, :WIDTH]
        aside = np.abs(columns.astype(np.float32) - lesion.x) / lesion.radius_x
        beam = 1 - soft_step(aside, 1 - spread, 1 + spread)
        below = soft_step(rows.astype(np.float32) - lesion.y, 0, lesion.radius_y)
        return np.asarray(beam * below, np.float32)


def _ridge(values: Field, width: float) -> Field:
    """1 where ``values`` cross zero, falling off within about ``width``."""
    return np.asarray(np.exp(-np.square(values / np.float32(width))), np.float32)


def tissue(scan: Scan) -> None:
    """Nothing but the layers."""


def smooth_lesion(scan: Scan) -> None:
    """An oval, wider than tall, with a thin bright rim and brighter tissue behind it."""
    lesion = Blob(275, 185, 94, 50, 0.08, ((2, 0.03, 1.0), (3, 0.04, 0.5), (5, 0.015, 3.0)))
    depth = lesion.depth(SHAPE) + scan.noise(20, 20)
    fading = np.exp(-np.maximum(scan.depth - 220, 0) / 140)
    scan.echo += 8 * scan.behind(lesion, 0.15) * fading
    scan.echo += 5 * _ridge(depth + 2, 3)
    inside = soft_step(depth, -2, 4)
    scan.echo += inside * (-49 + 1.5 * scan.noise(16, 24) - scan.echo)


def irregular_lesion(scan: Scan) -> None:
    """Taller than wide, with a jagged, blurred outline, a bright halo and a shadow behind it."""
    waves = ((2, 0.07, 2.5), (3, 0.09, 0.7), (5, 0.08, 2.1), (8, 0.05, 4.0), (13, 0.04, 1.2))
    lesion = Blob(285, 190, 74, 86, 0.25, waves)
    depth = lesion.depth(SHAPE) + 5 * scan.noise(12, 14) + 3 * scan.noise(5, 6)
    scan.echo += 4 * soft_step(depth, -34, -8)
    scan.echo -= 13 * scan.behind(lesion, 0.5)
    inside = soft_step(depth, -8, 12)
    scan.echo += inside * (-50 + 3 * scan.noise(9, 16) - scan.echo)


def draw(lesion: Callable[[Scan], None], seed: int) -> Image.Image:
    """A scan, mode "L"."""
    scan = Scan(seed)
    lesion(scan)
    return scan.finish()
