"""Smears drawn for tests: red cells with pale centres, and cells with a nucleus, where told."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

BACKGROUND, RED_CELL, PALLOR = (245, 228, 210), (205, 165, 165), (225, 195, 188)
CYTOPLASM, NUCLEUS = (185, 165, 200), (85, 45, 130)


def smear(
    size: tuple[int, int],
    cells: list[tuple[int, int, int]],
    *,
    red_cells: list[tuple[int, int]] = (),  # type: ignore[assignment]
    tint: tuple[float, float, float] = (1, 1, 1),
) -> npt.NDArray[np.uint8]:
    """Pixels (height, width, 3) of a smear of width x height.

    Args:
        cells: (x, y, diameter) of each cell; its nucleus has 0.7 of the diameter.
        red_cells: centres of red cells, 46 pixels across.
        tint: what the light is multiplied by in each colour.
    """
    image = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(image)
    for x, y in red_cells:
        draw.ellipse((x - 23, y - 23, x + 23, y + 23), RED_CELL)
        draw.ellipse((x - 9, y - 9, x + 9, y + 9), PALLOR)
    for x, y, diameter in cells:
        for radius, colour in ((diameter / 2, CYTOPLASM), (0.35 * diameter, NUCLEUS)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), float)
    return (soft * tint).clip(0, 255).astype(np.uint8)
