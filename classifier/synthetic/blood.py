"""Synthetic blood micrographs: one cell in the middle of a stained smear."""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from classifier.synthetic.textures import Blob, Field, dots, smooth_noise, soft_step, union, wavy

WIDTH: Final = 360
HEIGHT: Final = 363
# The part in which the cell in the middle lies, and the middle of that part.
CELL_SIDE: Final = 190
CELL: Final = (slice(87, 87 + CELL_SIDE), slice(85, 85 + CELL_SIDE))
MIDDLE: Final = CELL_SIDE / 2

Colour = tuple[float, float, float]
Random = np.random.Generator

SMEAR: Final[Colour] = (255, 230, 204)
# The share of red, green and blue that the thickest part of a red cell takes away.
RED_CELL_ABSORPTION: Final[Colour] = (0.2, 0.285, 0.19)
RED_CELLS: Final = 30
NUCLEUS: Final[Colour] = (68, 25, 127)
CHROMATIN_GAPS: Final[Colour] = (158, 108, 166)


class Canvas:
    """A smear being painted, or a part of it; colours are floats from 0 to 255."""

    def __init__(self, random: Random, colours: Field) -> None:
        self.random = random
        self.colours = colours
        self.shape = colours.shape[:2]

    def noise(self, grain: float) -> Field:
        return smooth_noise(self.random, self.shape, (grain, grain))

    def paint(self, cover: Field, colour: Colour) -> None:
        self.colours += cover[..., None] * (np.array(colour, np.float32) - self.colours)

    def absorb(self, thickness: Field, absorption: Colour) -> None:
        """Light passes one layer after another, so that cells lying on each other are darker."""
        passed = 1 - np.array(absorption, np.float32)
        self.colours *= np.exp(thickness[..., None] * np.log(passed))

    def blob(
        self,
        x: float,
        y: float,
        radius_x: float,
        radius_y: float,
        angle: float,
        height: float = 0.04,
    ) -> Field:
        """Depth of an ellipse, placed from the middle, whose outline waves up to ``height``."""
        waves = wavy(self.random, height, (2, 3, 4, 7))
        return Blob(MIDDLE + x, MIDDLE + y, radius_x, radius_y, angle, waves).depth(self.shape)


def clearing(slide: Canvas, radius: float) -> Canvas:
    """Scatter red cells, some on each other, but none in the middle; returns the part with that."""
    middle = (CELL[1].start + MIDDLE, CELL[0].start + MIDDLE)
    placed: list[tuple[float, float]] = []
    thickness = np.zeros(slide.shape, np.float32)
    dent = slide.random.uniform(0.3, 0.8)
    for x, y in slide.random.uniform(-30, 393, (400, 2)):
        from_middle = np.hypot(x - middle[0], y - middle[1])
        nearest = min((np.hypot(x - left, y - top) for left, top in placed), default=np.inf)
        if len(placed) < RED_CELLS and from_middle > radius + 35 and nearest > 60:
            placed.append((x, y))
            _add_red_cell(thickness, slide.random, x, y, dent)
    slide.absorb(thickness, RED_CELL_ABSORPTION)
    return Canvas(slide.random, slide.colours[CELL])


def _add_red_cell(thickness: Field, random: Random, x: float, y: float, dent: float) -> None:
    """Add a disc that is thickest half way out and dented in the middle."""
    radius = random.uniform(33, 42)
    waves = wavy(random, 0.06, (2, 3, 4, 5))
    blob = Blob(x, y, radius, radius * random.uniform(0.8, 1), random.uniform(0, np.pi), waves)
    window = blob.window(thickness.shape)
    depth = blob.depth(thickness.shape)[window] / radius
    start = random.uniform(0.35, 0.5)
    hollow = random.uniform(0.6, 1.4) * dent * soft_step(depth, start, start + 0.35)
    body = soft_step(depth, -0.03, 0.04) * (0.72 + 0.33 * soft_step(depth, 0, 0.3))
    thickness[window] += random.uniform(0.8, 1.1) * body * (1 - hollow)


def cytoplasm(cell: Canvas, depth: Field, colour: Colour, texture: float = 6) -> Field:
    """Paint the body of a cell of a given depth; returns the mask of its inside."""
    cell.paint(soft_step(depth, -1.2, 1.2) * 0.97, colour)
    inside = soft_step(depth, 0, 3)
    cell.colours += (texture * inside * (cell.noise(3.5) + cell.noise(12)))[..., None]
    cell.absorb(inside * soft_step(-depth, -4, -1), (0.12, 0.14, 0.06))
    return inside


def nucleus(
    cell: Canvas, depth: Field, *, gaps: float = 0.2, grain: float = 3.6, pale: float = 0.7
) -> None:
    """Paint chromatin: a dark net and rim, ``pale`` where it opens, over a share ``gaps`` of it."""
    cell.paint(soft_step(depth, -1.2, 1.2), NUCLEUS)
    inside = soft_step(depth, 1.5, 4.5)
    net = cell.noise(grain) + 0.7 * cell.noise(0.7 * grain) + 0.4 * cell.noise(3 * grain)
    start = float(np.quantile(net, 1 - gaps))
    cell.paint(inside * pale * soft_step(net, start - 1, start + 1.2), CHROMATIN_GAPS)


def granules(
    cell: Canvas, region: Field, colour: Colour, *, grain: float, share: float, cover: float
) -> None:
    """Paint fine grains of about ``grain`` pixels over ``share`` of a region given by its mask."""
    noise = cell.noise(grain)
    threshold = float(np.quantile(noise, 1 - share))
    cell.paint(region * cover * soft_step(noise, threshold - 0.35, threshold + 0.5), colour)


def round_granules(
    cell: Canvas,
    region: Field,
    colour: Colour,
    *,
    radii: tuple[float, float],
    spacing: float,
    cover: float,
) -> None:
    cell.paint(region * cover * dots(cell.random, cell.shape, radii, spacing), colour)


def round_cell(cell: Canvas, radius: float, height: float = 0.03) -> Field:
    """Depth of a cell whose membrane is not quite smooth."""
    squash = cell.random.uniform(0.9, 1)
    angle = cell.random.uniform(0, np.pi)
    return cell.blob(0, 0, radius, radius * squash, angle, height=height) + 0.6 * cell.noise(11)


def neutrophil(slide: Canvas) -> None:
    cell = clearing(slide, 66)
    inside = cytoplasm(cell, round_cell(cell, 66), (207, 167, 180))
    granules(cell, inside, (165, 112, 165), grain=3, share=0.2, cover=0.5)
    granules(cell, inside, (226, 194, 196), grain=4, share=0.25, cover=0.5)
    lobes = [
        cell.blob(-26, -22, 24, 20, 0.9),
        cell.blob(8, -31, 23, 18, -0.3),
        cell.blob(28, 4, 20, 26, 0.3),
        cell.blob(2, 34, 28, 20, 0.2),
    ]
    strands = [
        cell.blob(-8, -31, 14, 9, 0.0),
        cell.blob(22, -16, 9, 14, -0.3),
        cell.blob(20, 24, 9, 15, 0.8),
    ]
    nucleus(cell, union(*lobes, *strands), gaps=0.25)


def eosinophil(slide: Canvas) -> None:
    cell = clearing(slide, 67)
    inside = cytoplasm(cell, round_cell(cell, 67), (190, 128, 154))
    round_granules(cell, inside, (164, 84, 130), radii=(1.6, 2.8), spacing=4.4, cover=0.7)
    round_granules(cell, inside, (194, 114, 140), radii=(1.4, 2.4), spacing=5, cover=0.8)
    granules(cell, inside, (206, 164, 182), grain=9, share=0.1, cover=0.7)
    lobes = [cell.blob(-23, -20, 33, 26, 0.9), cell.blob(22, 22, 32, 27, 0.6)]
    nucleus(cell, union(*lobes, cell.blob(0, 2, 8, 16, -0.8)), gaps=0.45, pale=0.6)


def basophil(slide: Canvas) -> None:
    cell = clearing(slide, 62)
    body = round_cell(cell, 62, 0.04)
    cytoplasm(cell, body, (176, 120, 172))
    lobes = [cell.blob(-14, -14, 37, 31, 0.8), cell.blob(14, 16, 36, 30, 0.4)]
    nucleus(cell, union(*lobes), gaps=0.35, grain=6)
    inside = soft_step(body, -2, 1)
    round_granules(cell, inside, (110, 52, 140), radii=(1.6, 3.0), spacing=6, cover=0.8)
    round_granules(cell, inside, (62, 18, 112), radii=(1.8, 3.4), spacing=6, cover=0.9)


def lymphocyte(slide: Canvas) -> None:
    cell = clearing(slide, 52)
    body = round_cell(cell, 50, 0.06) + cell.noise(4)
    cytoplasm(cell, body, (124, 108, 172), texture=12)
    nucleus(cell, union(cell.blob(-2, 1, 45, 42, 0.4), body - 6), gaps=0.45, pale=0.35)


def monocyte(slide: Canvas) -> None:
    cell = clearing(slide, 74)
    inside = cytoplasm(cell, round_cell(cell, 74, 0.06), (156, 122, 176))
    granules(cell, inside, (112, 74, 156), grain=3.5, share=0.35, cover=0.6)
    granules(cell, inside, (196, 164, 192), grain=4, share=0.2, cover=0.6)
    parts = [
        cell.blob(-24, -10, 40, 34, 1.2),
        cell.blob(4, -26, 42, 29, 0.0),
        cell.blob(29, 8, 28, 44, 0.15),
    ]
    nucleus(cell, union(*parts), gaps=0.6, pale=0.8)
    round_granules(cell, inside, (214, 196, 212), radii=(2, 4), spacing=45, cover=0.75)


def platelet(slide: Canvas) -> None:
    cell = clearing(slide, 30)
    inside = cytoplasm(cell, cell.blob(0, 0, 30, 26, 0.5, height=0.1), (196, 152, 184))
    granules(cell, inside, (140, 84, 158), grain=4, share=0.4, cover=0.7)
    round_granules(cell, inside, (104, 42, 138), radii=(1.5, 3.2), spacing=5.5, cover=0.8)


def erythroblast(slide: Canvas) -> None:
    cell = clearing(slide, 54)
    cytoplasm(cell, round_cell(cell, 54, 0.03), (160, 132, 170), texture=4)
    nucleus(cell, cell.blob(6, 6, 34, 32, 0.2), gaps=0.15)


def immature_granulocyte(slide: Canvas) -> None:
    cell = clearing(slide, 70)
    inside = cytoplasm(cell, round_cell(cell, 71, 0.05), (178, 140, 182))
    granules(cell, inside, (118, 66, 154), grain=3.5, share=0.4, cover=0.7)
    granules(cell, inside, (208, 180, 200), grain=4, share=0.2, cover=0.6)
    parts = [cell.blob(-16, -14, 44, 40, 0.8), cell.blob(10, -16, 46, 38, 0.5)]
    nucleus(cell, union(*parts), gaps=0.5, pale=0.75)
    round_granules(cell, inside, (104, 40, 140), radii=(1, 2), spacing=8, cover=0.7)


def draw(paint: Callable[[Canvas], None], seed: int) -> Image.Image:
    """A micrograph, mode "RGB", of the size that the analyser's camera gives."""
    random = np.random.default_rng(seed)
    shade = 1 + 0.005 * smooth_noise(random, (HEIGHT, WIDTH), (120, 120))
    slide = Canvas(random, np.asarray(shade[..., None] * np.array(SMEAR), np.float32))
    paint(slide)
    # Out of focus by a little, sharpened by the camera, with its noise.
    painted = Image.fromarray(np.clip(slide.colours, 0, 255).astype(np.uint8))
    focused = painted.filter(ImageFilter.GaussianBlur(1.1))
    sharpened = np.asarray(focused.filter(ImageFilter.UnsharpMask(2, 60, 0)), np.float32)
    noise = slide.random.normal(0, 0.7, sharpened.shape)
    return Image.fromarray(np.clip(sharpened + noise, 0, 255).astype(np.uint8))
