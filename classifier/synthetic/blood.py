"""Synthetic blood micrographs: one cell in the middle of a stained smear."""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from classifier.synthetic.textures import Blob, Field, dots, smooth_noise, soft_step, union, wavy

WIDTH: Final = 360
HEIGHT: Final = 363
SHAPE: Final = (HEIGHT, WIDTH)
MIDDLE: Final = (180.0, 182.0)
# The part in which the cell in the middle lies.
CELL_SIDE: Final = 180
CELL: Final = (slice(92, 92 + CELL_SIDE), slice(90, 90 + CELL_SIDE))
# A platelet's outline, as in ``Blob``.
RAGGED: Final = ((3, 0.07, 0.4), (5, 0.06, 1.9), (8, 0.05, 4.0))

Colour = tuple[float, float, float]

SMEAR: Final[Colour] = (253, 229, 203)
# The share of red, green and blue that the thickest part of a red cell takes away.
RED_CELL_ABSORPTION: Final[Colour] = (0.18, 0.31, 0.25)
NUCLEUS: Final[Colour] = (66, 24, 118)
CHROMATIN_GAPS: Final[Colour] = (134, 88, 162)


class Slide:
    """A smear being painted; colours are floats from 0 to 255."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        shade = 1 + 0.008 * smooth_noise(self.random, SHAPE, (120, 120))
        self.colours = np.asarray(shade[..., None] * np.array(SMEAR), np.float32)

    def noise(self, grain: float) -> Field:
        return smooth_noise(self.random, SHAPE, (grain, grain))

    def paint(self, cover: Field, colour: Colour) -> None:
        self.colours += cover[..., None] * (np.array(colour, np.float32) - self.colours)

    def absorb(self, thickness: Field, absorption: Colour) -> None:
        """Light passes one layer after another, so that cells lying on each other are darker."""
        passed = 1 - np.array(absorption, np.float32)
        self.colours *= np.exp(thickness[..., None] * np.log(passed))

    def finish(self) -> Image.Image:
        """Out of focus by a little, with the noise of a camera."""
        sharp = Image.fromarray(np.clip(self.colours, 0, 255).astype(np.uint8))
        blurred = np.asarray(sharp.filter(ImageFilter.GaussianBlur(1.7)), np.float32)
        noise = self.random.normal(0, 1.6, blurred.shape) + 1.2 * self.noise(3)[..., None]
        return Image.fromarray(np.clip(blurred + noise, 0, 255).astype(np.uint8))


def red_cells(slide: Slide, clear_radius: float, count: int = 24) -> None:
    """Scatter red cells, which may touch each other but not the cell in the middle."""
    placed: list[tuple[float, float]] = []
    thickness = np.zeros(SHAPE, np.float32)
    for x, y in slide.random.uniform(-20, 385, (400, 2)):
        from_middle = np.hypot(x - MIDDLE[0], y - MIDDLE[1])
        nearest = min((np.hypot(x - left, y - top) for left, top in placed), default=np.inf)
        if len(placed) < count and from_middle > clear_radius + 42 and nearest > 60:
            placed.append((x, y))
            thickness += _red_cell(slide.random, x, y)
    slide.absorb(thickness, RED_CELL_ABSORPTION)


def _red_cell(random: np.random.Generator, x: float, y: float) -> Field:
    """Thickness of a disc that is dented in the middle."""
    radius = random.uniform(32, 39)
    waves = wavy(random, 0.035, (2, 3, 5))
    blob = Blob(x, y, radius, radius * random.uniform(0.82, 1), random.uniform(0, np.pi), waves)
    depth = blob.depth(SHAPE)
    start = random.uniform(0.25, 0.5)
    dent = random.uniform(0.35, 0.85) * soft_step(depth, start * radius, (start + 0.4) * radius)
    rim = 0.14 * soft_step(-depth, -9, -2)
    return np.asarray(soft_step(depth, -1.2, 1.6) * (0.9 + rim) * (1 - dent), np.float32)


def cytoplasm(slide: Slide, blob: Blob, colour: Colour, texture: float = 5) -> Field:
    """Paint the body of a cell; returns its depth."""
    depth = blob.depth(SHAPE)
    slide.paint(soft_step(depth, -1.5, 1.5) * 0.95, colour)
    inside = soft_step(depth, 0, 3)
    slide.colours += (texture * inside * (slide.noise(4) + slide.noise(14)))[..., None]
    slide.absorb(inside * soft_step(-depth, -5, -1), (0.12, 0.14, 0.06))
    return depth


def nucleus(
    slide: Slide, depth: Field, *, gaps: float = 0.6, grain: float = 6, pale: float = 0
) -> None:
    """Paint chromatin: dark clumps with lighter ``gaps``, darkest at the rim."""
    slide.paint(soft_step(depth, -1.2, 1.2), NUCLEUS)
    inside = soft_step(depth, 1, 5)
    open_chromatin = soft_step(slide.noise(grain), 0.2, 1.7)
    slide.paint(inside * np.clip(gaps * open_chromatin + pale, 0, 1), CHROMATIN_GAPS)
    slide.colours += (inside * (7 * slide.noise(3) + 7 * slide.noise(14)))[..., None]


def granules(
    slide: Slide, region: Field, colour: Colour, *, grain: float, share: float, cover: float
) -> None:
    """Paint fine grains of about ``grain`` pixels over ``share`` of a region given by its mask."""
    noise = slide.noise(grain)
    threshold = float(np.quantile(noise, 1 - share))
    slide.paint(region * cover * soft_step(noise, threshold - 0.25, threshold + 0.35), colour)


def round_granules(
    slide: Slide,
    region: Field,
    colour: Colour,
    *,
    radii: tuple[float, float],
    spacing: float,
    cover: float,
) -> None:
    cover_here = np.zeros(SHAPE, np.float32)
    cover_here[CELL] = cover * dots(slide.random, (CELL_SIDE, CELL_SIDE), radii, spacing)
    slide.paint(region * cover_here, colour)


def round_cell(slide: Slide, radius: float, height: float = 0.015) -> Blob:
    squash = slide.random.uniform(0.94, 1)
    angle = slide.random.uniform(0, np.pi)
    waves = wavy(slide.random, height, (2, 3, 4, 7))
    return Blob(*MIDDLE, radius, radius * squash, angle, waves)


def lobe(slide: Slide, x: float, y: float, radius_x: float, radius_y: float, angle: float) -> Field:
    """Part of a nucleus, placed from the middle of the image."""
    waves = wavy(slide.random, 0.04, (2, 3, 4))
    return Blob(MIDDLE[0] + x, MIDDLE[1] + y, radius_x, radius_y, angle, waves).depth(SHAPE)


def neutrophil(slide: Slide) -> None:
    red_cells(slide, 66)
    body = cytoplasm(slide, round_cell(slide, 66), (226, 194, 190))
    inside = soft_step(body, 1, 4)
    granules(slide, inside, (176, 128, 168), grain=2.5, share=0.3, cover=0.6)
    lobes = [
        lobe(slide, -24, -26, 25, 18, 0.9),
        lobe(slide, 13, -31, 20, 17, -0.5),
        lobe(slide, 27, 6, 18, 23, 0.3),
        lobe(slide, 0, 33, 26, 18, 0.2),
    ]
    strands = [
        lobe(slide, -5, -31, 12, 6, 0.0),
        lobe(slide, 23, -12, 6, 11, -0.3),
        lobe(slide, 18, 24, 6, 13, 0.8),
    ]
    nucleus(slide, union(*lobes, *strands))


def eosinophil(slide: Slide) -> None:
    red_cells(slide, 66)
    body = cytoplasm(slide, round_cell(slide, 66), (222, 170, 160))
    inside = soft_step(body, 0, 3)
    round_granules(slide, inside, (192, 104, 100), radii=(1.8, 3.2), spacing=4.2, cover=0.75)
    round_granules(slide, inside, (208, 126, 108), radii=(1.5, 2.6), spacing=6, cover=0.8)
    lobes = [lobe(slide, -23, -20, 32, 24, 0.9), lobe(slide, 22, 22, 31, 25, 0.6)]
    nucleus(slide, union(*lobes, lobe(slide, 0, 2, 7, 16, -0.8)))


def basophil(slide: Slide) -> None:
    red_cells(slide, 64)
    body = cytoplasm(slide, round_cell(slide, 63, 0.03), (206, 172, 200))
    lobes = [lobe(slide, -14, -14, 36, 30, 0.8), lobe(slide, 14, 16, 35, 29, 0.4)]
    nucleus(slide, union(*lobes), pale=0.25)
    inside = soft_step(body, -2, 1)
    round_granules(slide, inside, (92, 40, 132), radii=(1.6, 3.0), spacing=7, cover=0.85)
    round_granules(slide, inside, (54, 16, 104), radii=(1.8, 3.8), spacing=6.5, cover=0.92)


def lymphocyte(slide: Slide) -> None:
    red_cells(slide, 50)
    cytoplasm(slide, round_cell(slide, 50, 0.03), (140, 142, 200))
    nucleus(slide, lobe(slide, -3, 2, 44, 41, 0.4), gaps=0.4, grain=9)


def monocyte(slide: Slide) -> None:
    red_cells(slide, 78)
    body = cytoplasm(slide, round_cell(slide, 76, 0.045), (152, 138, 178), texture=7)
    inside = soft_step(body, 2, 6)
    granules(slide, inside, (190, 178, 208), grain=4, share=0.35, cover=0.6)
    round_granules(slide, inside, (232, 220, 224), radii=(2, 5), spacing=22, cover=0.75)
    parts = [
        lobe(slide, -24, -16, 36, 30, 0.8),
        lobe(slide, 6, -28, 38, 26, 0.0),
        lobe(slide, 32, 2, 26, 38, 0.2),
    ]
    nucleus(slide, union(*parts), pale=0.15, grain=7)


def platelet(slide: Slide) -> None:
    red_cells(slide, 26)
    body = cytoplasm(slide, Blob(*MIDDLE, 26, 22, 0.5, RAGGED), (190, 160, 198))
    granules(slide, soft_step(body, -1, 3), (150, 104, 172), grain=4, share=0.3, cover=0.6)
    core = soft_step(body, 4, 11)
    round_granules(slide, core, (112, 52, 144), radii=(1.5, 3.2), spacing=4.5, cover=0.8)


def erythroblast(slide: Slide) -> None:
    red_cells(slide, 54)
    cytoplasm(slide, round_cell(slide, 54, 0.03), (146, 136, 178))
    nucleus(slide, lobe(slide, 7, 6, 33, 31, 0.2), grain=9)


def immature_granulocyte(slide: Slide) -> None:
    red_cells(slide, 72)
    body = cytoplasm(slide, round_cell(slide, 71, 0.03), (190, 166, 198), texture=6)
    inside = soft_step(body, 1, 5)
    granules(slide, inside, (134, 78, 158), grain=3, share=0.3, cover=0.6)
    round_granules(slide, inside, (116, 56, 146), radii=(1, 2), spacing=6.5, cover=0.7)
    parts = [lobe(slide, -16, -2, 40, 44, 0.3), lobe(slide, 4, -20, 36, 28, 0.5)]
    nucleus(slide, union(*parts), pale=0.15, grain=5)


def draw(cell: Callable[[Slide], None], seed: int) -> Image.Image:
    """A micrograph, mode "RGB", of the size that the analyser's camera gives."""
    slide = Slide(seed)
    cell(slide)
    return slide.finish()
