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
DYNAMIC_RANGE: Final = 60.0
# Depth and thickness in pixels and gain in decibels of skin and fasciae.
BRIGHT_LINES: Final = ((8, 3, 8), (20, 2.5, 12), (128, 3, 7), (290, 3, 8), (338, 3, 6))
# Deviation of the ultrasound pulse in rows and columns; it is short, and wider than it is long.
PULSE: Final = (0.95, 3.0)


class Scan:
    """A scan being composed; ``echo`` is the mean echo in decibels, 0 for the brightest shown."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
        # Layers of tissue rise and fall from side to side, the deeper the more.
        swell = 9 * self.noise(230, 200) + 4 * self.noise(90, 80)
        self.depth = np.asarray(rows + swell * soft_step(rows, 0, 150), np.float32)
        self.echo = np.full(SHAPE, -30, np.float32)
        self._tissue()

    def noise(self, rows: float, columns: float) -> Field:
        return smooth_noise(self.random, SHAPE, (rows, columns))

    def layered(self, rows: float, columns: float) -> Field:
        """Noise bent so that it follows the layers, mirrored where these leave the scan."""
        last = HEIGHT - 1
        bent = last - np.abs(last - np.abs(self.depth.round().astype(np.intp)))
        return np.asarray(np.take_along_axis(self.noise(rows, columns), bent, axis=0), np.float32)

    def net(self, rows: float, columns: float, width: float) -> Field:
        """Thin sheets of tissue around lobules of about ``rows`` by ``columns``, seen in places."""
        seen = soft_step(self.noise(2 * rows, columns), -0.8, 1.5)
        return _ridge(self.layered(rows, columns), width) * seen

    def layer(self, top: float, bottom: float, echo: float, change: Field) -> None:
        """Set a band to ``echo`` plus ``change``, with soft borders."""
        above = soft_step(self.depth, top - 5, top + 5)
        below = soft_step(self.depth, bottom - 15, bottom + 15)
        self.echo += (above - below) * (echo + change - self.echo)

    def bright_line(self, depth: float, thickness: float, gain: float) -> None:
        strength = gain * soft_step(self.noise(470, 70), -1, 1.2)
        self.echo += strength * _ridge(self.depth - depth, thickness)

    def _tissue(self) -> None:
        """Skin, fat, gland and muscle, from the probe downwards."""
        patches = self.noise(70, 110)
        lumps = self.layered(14, 40)
        fibres = self.layered(5, 30)
        ligaments = self.net(36, 120, 0.08)
        septa = self.net(19, 75, 0.35)
        wisps = self.net(13, 55, 0.22)
        ducts = soft_step(self.layered(7, 17), 0.9, 1.8)
        self.layer(-40, 24, -23, 3 * fibres)
        self.layer(24, 128, -40.5, 4 * patches + 0.7 * fibres + 5 * ligaments + 6 * septa)
        gland = 3 * patches + 2 * lumps + 1.4 * fibres + 14 * wisps + 12 * septa - 5 * ducts
        self.layer(128, 338, -27, gland)
        muscle = 3.6 * patches + 2 * lumps + 5 * ligaments + 10 * wisps + 12 * septa
        self.layer(338, 900, -35.5, muscle)
        for depth, thickness, gain in BRIGHT_LINES:
            self.bright_line(depth, thickness, gain)
        # Sound is lost on the way, more than the scanner makes up for.
        self.echo -= 0.03 * np.maximum(self.depth - 120, 0)

    def finish(self) -> Image.Image:
        # Scanners smooth away about half of the speckle.
        shown = self.echo + 0.53 * 10 * np.log10(self._speckle() + np.float32(0.03))
        grey = 255 * np.clip(1 + shown / DYNAMIC_RANGE, 0, 1)
        return Image.fromarray(grey.astype(np.uint8))

    def _speckle(self, looks: int = 2) -> Field:
        """Power, one on average, of many random echoes of the pulse, over several looks."""
        down, across = np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH)
        width = np.square(down * PULSE[0]) + np.square(across * PULSE[1])
        pulse = np.exp(-2 * np.square(np.pi) * width).astype(np.float32)
        real, imaginary = self.random.standard_normal((2, looks, *SHAPE), np.float32)
        power = np.square(np.abs(np.fft.ifft2((real + 1j * imaginary) * pulse))).sum(axis=0)
        return np.asarray(power / power.mean(), np.float32)

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
    """An oval, wider than tall, with a bright rim and slightly brighter tissue behind it."""
    waves = ((2, 0.03, 1.0), (3, 0.04, 0.5), (5, 0.015, 3.0))
    lesion = Blob(280, 190, 52, 26, 0.08, waves, margin=30)
    depth = lesion.depth(SHAPE) + 0.4 * scan.noise(20, 20)
    fading = np.exp(-np.maximum(scan.depth - 220, 0) / 140)
    scan.echo += 2.4 * scan.behind(lesion, 0.2) * fading
    scan.echo += 5.7 * _ridge(depth + 2, 4)
    inside = soft_step(depth, -7.4, 7.4)
    scan.echo += inside * (-48.2 + 1.6 * scan.noise(16, 24) - scan.echo)


def irregular_lesion(scan: Scan) -> None:
    """Taller than wide, with a jagged, blurred outline, a bright halo and a shadow behind it."""
    waves = ((2, 0.055, 2.5), (3, 0.07, 0.7), (5, 0.065, 2.1), (8, 0.04, 4.0), (13, 0.03, 1.2))
    lesion = Blob(285, 190, 64, 73, 0.25, waves, margin=60)
    depth = lesion.depth(SHAPE) + 4.5 * scan.noise(16, 18) + 2.2 * scan.noise(6, 7)
    scan.echo += 2 * soft_step(depth, -34, -8)
    scan.echo -= 15 * scan.behind(lesion, 0.6)
    inside = soft_step(depth, -14, 20)
    scan.echo += inside * (-49.5 + 3.3 * scan.noise(12, 20) - scan.echo)


def draw(lesion: Callable[[Scan], None], seed: int) -> Image.Image:
    """A scan, mode "L"."""
    scan = Scan(seed)
    lesion(scan)
    return scan.finish()
