"""Where the stained cells of a blood smear lie, from pixels alone.

A nucleus absorbs the red light that red cells and background let through, so three levels of
absorbance tell it from both. Around it lies what is neither background nor, by its colour, a red
cell: the rest of the cell. Haemoglobin absorbs blue light more than red, every stain of the
Romanowsky kind the reverse. All levels are relative to the image's own brightest tenth, which is
taken for the background, so that light and glass do not matter.

The work is done on a reduced copy; boxes are in the pixels of the image that was given.
"""

from dataclasses import dataclass
from math import dist, exp, isqrt, sqrt

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from classifier.preprocessing import Box, CellScale, SourceFrame, whole_frame_box

Floats = npt.NDArray[np.float32]
Distances = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]

# Longer side of the copy in which one cell is looked for, and in which many are; pixels.
SINGLE_SIDE, FIELD_SIDE = 180, 720
# What absorbs less than this in the mean of all colours is background; optical density.
BACKGROUND = 0.12
# How much a nucleus absorbs beyond the rest at least, as a share of the light.
LEAST_CONTRAST = 0.1
# Optical density in red light, and in green, against that in blue: less than the first is a red
# cell, less than the second is grey.
LEAST_RED, LEAST_GREEN = 0.9, 1.1
# The smallest nucleus, and the smallest lobe as a share of the largest; pixels of the copy.
LEAST_AREA, LEAST_LOBE = 24, 0.1
# How far a lobe stands out at least, as a share of how far the darkest does.
LEAST_LOBE_CONTRAST = 0.3
# Lobes nearer than this are one nucleus; as a share of the side of the largest nucleus.
LOBE_GAP = 0.6
# How far a cell reaches beyond its nucleus at most, and what is surely outside; shares likewise.
REACH, OUTSIDE = 0.55, 0.7
# Bounds of a cell's size as shares of its nucleus's longer extent.
SIZE_BOUNDS = (0.95, 1.2)
# In a field: how far apart lobes of one nucleus may lie, tried one after the other, and how wide it
# is at most; in diameters of red cells.
FIELD_GAPS = (0.5, 0.3, 0.15, 0)
MOST_EXTENT = 2.0
# How much of the image must be red cells before their diameter is trusted.
LEAST_RED_CELLS = 0.12


BLOOD = CellScale(margin=1.65, red_cells=2.5)


@dataclass(frozen=True)
class Cell:
    """One stained cell.

    Attributes:
        nucleus_area: of all its lobes, in pixels of the image.
        size: square root of the cell's area, nucleus and cytoplasm, in pixels of the image.
        relative_size: size in diameters of the image's red cells, None where too few are seen.
        box: the square around it within the image: left, upper, right, lower.
    """

    nucleus_area: float
    size: float
    relative_size: float | None
    box: Box

    @property
    def is_platelet(self) -> bool:
        """Whether it is smaller than a red cell, as platelets are and white cells are not."""
        return self.relative_size is not None and self.relative_size < 1

    @property
    def centre(self) -> tuple[float, float]:
        left, upper, right, lower = self.box
        return (left + right) / 2, (upper + lower) / 2


def find_cell(pixels: npt.NDArray[np.uint8], scale: CellScale = BLOOD) -> Box | None:
    """The square around the cell that an image is about, or None where there is none.

    Of several cells it is the one that is large and near the centre.

    Args:
        pixels: array (height, width, 3), RGB, values 0 to 255.

    Returns:
        (left, upper, right, lower) within the image.
    """
    height, width = pixels.shape[:2]
    cells = _cells(pixels, scale, SINGLE_SIDE)

    def weight(cell: Cell) -> float:
        away = dist(cell.centre, (width / 2, height / 2)) / min(width, height)
        return sqrt(cell.nucleus_area) * exp(-16 * away**2)

    return max(cells, key=weight).box if cells else None


def cell_box(image: Image.Image, scale: CellScale, frame: SourceFrame | None) -> Box | None:
    """The box of the cell that an image is about, or None where there is none.

    The size of the dataset's own frames is known, and so is that their cell lies in the middle:
    as long as the cell that is found lies near it, the box is the one that the dataset was made
    with. An image in a size in which the dataset is published is already cut.
    """
    if image.width == image.height and image.width in scale.cut_sizes:
        return None
    found = find_cell(np.asarray(image.convert("RGB")), scale)
    framed = whole_frame_box(image.width, image.height, frame) if frame and found else None
    if not framed or not found:
        return found
    middle = (found[0] + found[2]) / 2, (found[1] + found[3]) / 2
    away = dist(middle, (image.width / 2, image.height / 2))
    side = framed[2] - framed[0]
    return framed if away <= side / 4 else _square(*middle, side, image.width, image.height)


def find_cells(pixels: npt.NDArray[np.uint8], scale: CellScale = BLOOD) -> list[Cell]:
    """Every stained cell of a field, platelets too, from the top to the bottom.

    Args:
        pixels: array (height, width, 3), RGB, values 0 to 255.
    """
    return _cells(pixels, scale, FIELD_SIDE)


def _cells(pixels: npt.NDArray[np.uint8], scale: CellScale, side: int) -> list[Cell]:
    height, width = pixels.shape[:2]
    reduced, factor = _reduced(pixels, side)
    density = _optical_density(reduced)
    stained = _stained(density)
    if not stained.any():
        return []
    lobes, _ = ndimage.label(stained)
    largest = sqrt(np.bincount(lobes[stained]).max())
    away, nearest = ndimage.distance_transform_edt(~stained, return_indices=True)
    if side == FIELD_SIDE:
        typical = sqrt(np.median(np.bincount(lobes[stained])[1:]))
        red = _red_cell_diameter_of_a_field(density, away > 0.3 * typical)
        nuclei = _nuclei_of_a_field(stained, red or largest)
        largest = min(largest, MOST_EXTENT * (red or largest))
    else:
        groups, _ = ndimage.label(away < LOBE_GAP / 2 * largest)
        nuclei = np.where(stained, groups, 0)
    areas = np.bincount(nuclei.ravel())[1:]
    bodies = _bodies(density, stained, away, largest)
    bodies = np.where(bodies, nuclei[tuple(nearest)], 0)
    outside = (away > 0.3 * largest) & (bodies == 0)
    if side == FIELD_SIDE:
        diameter = _red_cell_diameter_of_a_field(density, outside)
    else:
        diameter = _red_cell_diameter(density, outside)
    cells = []
    for index, (nucleus, body) in enumerate(
        zip(ndimage.find_objects(nuclei), ndimage.find_objects(bodies), strict=True), start=1
    ):
        extent = max(part.stop - part.start for part in nucleus)
        grown = sqrt(np.count_nonzero(bodies[body] == index))
        size = float(np.clip(grown, *(bound * extent for bound in SIZE_BOUNDS)))
        rows, columns = (
            (n.start + n.stop + b.start + b.stop) / 4 for n, b in zip(nucleus, body, strict=True)
        )
        wanted = max(scale.margin * size, scale.red_cells * (diameter or 0))
        cells.append(
            Cell(
                nucleus_area=float(areas[index - 1]) * factor**2,
                size=size * factor,
                relative_size=size / diameter if diameter else None,
                box=_square(columns * factor, rows * factor, wanted * factor, width, height),
            )
        )
    return sorted(cells, key=lambda cell: (cell.box[1], cell.box[0]))


def _nuclei_of_a_field(stained: Mask, diameter: float) -> Numbers:
    """The nuclei by number from 1 on, and 0 elsewhere.

    Lobes are one nucleus when they lie near each other and are together no wider than a nucleus is;
    what is wider is tried again with smaller gaps, and is at last what hangs together.
    """
    nuclei, count = np.zeros(stained.shape, np.intp), 0
    rest = stained.copy()
    for gap in FIELD_GAPS:
        if not rest.any():
            break
        near = ndimage.distance_transform_edt(~rest) <= gap / 2 * diameter
        groups = np.where(rest, ndimage.label(near)[0], 0)
        for index, place in enumerate(ndimage.find_objects(groups), start=1):
            extent = max(part.stop - part.start for part in place)
            if extent <= MOST_EXTENT * diameter or gap == 0:
                count += 1
                member = groups[place] == index
                nuclei[place][member] = count
                rest[place] &= ~member
    return nuclei


def _reduced(pixels: npt.NDArray[np.uint8], side: int) -> tuple[npt.NDArray[np.uint8], float]:
    """The copy to work on, and how many pixels of the image one of its own is."""
    height, width = pixels.shape[:2]
    factor = max(1.0, max(width, height) / side)
    if factor == 1:
        return pixels, 1.0
    size = max(1, round(width / factor)), max(1, round(height / factor))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)), factor


def _optical_density(pixels: npt.NDArray[np.uint8]) -> Floats:
    smooth = ndimage.gaussian_filter(pixels.astype(np.float32), (0.7, 0.7, 0))
    background = np.percentile(smooth[::2, ::2].reshape(-1, 3), 90, axis=0)
    density: Floats = np.log((background.astype(np.float32) + 1) / (smooth + 1))
    return density.clip(0)


def _stained(density: Floats) -> Mask:
    """Where nuclei and platelets are; nowhere if nothing stands out from red cells."""
    absorbed = 1 - 0.7 * np.exp(-density[..., 0]) - 0.3 * np.exp(-density[..., 1])
    if np.ptp(absorbed) < 2 * LEAST_CONTRAST:
        return np.zeros(absorbed.shape, bool)
    # Here, since it takes long to import and most processes never look for a cell.
    from skimage.filters import threshold_multiotsu

    lower, upper = threshold_multiotsu(absorbed, 3, nbins=64)  # type: ignore[no-untyped-call]
    lobes, count = ndimage.label(ndimage.binary_opening(absorbed > upper))
    if not count or upper - lower < LEAST_CONTRAST:
        return np.zeros(absorbed.shape, bool)
    areas = np.bincount(lobes.ravel())[1:]
    absorbance, red, green, blue = (
        np.bincount(lobes.ravel(), plane.ravel())[1:] / areas
        for plane in (absorbed, *np.moveaxis(density, -1, 0))
    )
    contrast = absorbance - upper
    kept = (areas >= LEAST_AREA) & (red > LEAST_RED * blue) & (green > LEAST_GREEN * blue)
    if kept.any():
        kept &= areas >= LEAST_LOBE * areas[kept].max()
        kept &= contrast >= LEAST_LOBE_CONTRAST * contrast[kept].max()
    stained: Mask = np.append(False, kept)[lobes]
    return stained


def _bodies(density: Floats, stained: Mask, away: Distances, largest: float) -> Mask:
    """Where whole cells are: what is joined to a nucleus and neither background nor red cell."""
    body = _absorbing(density) & (away < REACH * largest)
    body &= ~_red_cells(density, stained, away > OUTSIDE * largest)
    body = _filled(body | stained)
    radius = max(1, round(0.12 * largest))
    body = _grown(~_grown(~body, radius), radius) | stained
    pieces, count = ndimage.label(body)
    joined = np.zeros(count + 1, bool)
    joined[pieces[stained]] = True
    bodies: Mask = body & joined[pieces]
    return bodies


def _red_cells(density: Floats, stained: Mask, outside: Mask) -> Mask:
    """Pixels coloured as what lies apart from the nuclei, where that is coloured otherwise."""
    blueness = density[..., 2] / (density[..., 0] + 0.05)
    apart = outside & _absorbing(density)
    if np.count_nonzero(apart) <= 0.03 * apart.size:
        return np.zeros_like(apart)
    theirs, own = np.median(blueness[apart]), np.median(blueness[stained])
    if theirs <= 1.7 * own:
        return np.zeros_like(apart)
    red: Mask = blueness > theirs**0.7 * own**0.3
    return red


def _red_cell_diameter(density: Floats, apart: Mask) -> float | None:
    """Diameter of the middle red cell by area, None where there are too few to tell."""
    red = _filled(_absorbing(density)) & apart
    if np.count_nonzero(red) < LEAST_RED_CELLS * red.size:
        return None
    depth = ndimage.distance_transform_edt(np.pad(red, 1))[1:-1, 1:-1]
    cells, count = ndimage.label(red)
    # ndimage.maximum would sort all pixels by their cell first.
    deepest = np.zeros(count + 1)
    np.maximum.at(deepest, cells[red], depth[red])
    diameters = 2 * deepest[1:]
    areas = np.bincount(cells.ravel())[1:]
    order = np.argsort(diameters)
    summed = np.cumsum(areas[order])
    return float(diameters[order][np.searchsorted(summed, summed[-1] / 2)])


def _red_cell_diameter_of_a_field(density: Floats, apart: Mask) -> float | None:
    """The same where red cells lie on each other: of each the widest circle around its middle."""
    red = _filled(_absorbing(density)) & apart
    if np.count_nonzero(red) < LEAST_RED_CELLS * red.size:
        return None
    depth = ndimage.distance_transform_edt(np.pad(red, 1))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, 1.0)
    peaks = depth[(depth == ndimage.maximum_filter(depth, 9)) & (depth > 3)]
    if not peaks.size:
        return None
    order = np.sort(peaks)
    summed = np.cumsum(order**2)
    return 2 * float(order[np.searchsorted(summed, summed[-1] / 2)])


def _absorbing(density: Floats) -> Mask:
    """Where there is more than background."""
    # Three sums of whole planes: a mean over so short an axis takes ten times as long.
    mean = (density[..., 0] + density[..., 1] + density[..., 2]) / 3
    return np.asarray(mean > BACKGROUND)


def _filled(mask: Mask) -> Mask:
    """Without holes, as by ndimage.binary_fill_holes, in a fifth of its time."""
    pieces, count = ndimage.label(~mask)
    open_to_edge = np.zeros(count + 1, bool)
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        open_to_edge[edge] = True
    open_to_edge[0] = False
    filled: Mask = ~open_to_edge[pieces]
    return filled


def _grown(mask: Mask, radius: int) -> Mask:
    """Everything within so many pixels of the mask, in a tenth of what a distance transform takes.

    A disc is a stack of rows, of which each is at least as wide as those further from the middle.
    """
    height = len(mask)
    grown, widened, half = np.zeros_like(mask), mask.copy(), 0
    for away in range(radius, -1, -1):
        while half < isqrt(radius**2 - away**2):
            half += 1
            widened[:, half:] |= mask[:, :-half]
            widened[:, :-half] |= mask[:, half:]
        # An image can be lower than the disc.
        common = max(0, height - away)
        grown[away:] |= widened[:common]
        grown[:common] |= widened[away:]
    return grown


def _square(x: float, y: float, side: float, width: int, height: int) -> Box:
    """The square around a point, moved and cut to lie within the image."""
    whole = max(1, min(round(side), width, height))
    left = min(max(round(x - whole / 2), 0), width - whole)
    upper = min(max(round(y - whole / 2), 0), height - whole)
    return left, upper, left + whole, upper + whole
