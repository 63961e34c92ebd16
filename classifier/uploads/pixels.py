"""Brings a decoded image of any kind to 8 bits per channel, grey or RGB."""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

SIXTEEN_BIT_MODES: Final = {"I;16", "I;16L", "I;16B", "I;16N"}
GREY_MODES: Final = {"1", "L", "LA", "La"}


class ValuesOutOfRange(ValueError):
    """Pixel values whose black and white cannot be told from the file."""


def to_eight_bits(image: Image.Image, *, white_is_zero: bool = False) -> Image.Image:
    """Convert a loaded image to mode "L" (if it is grey) or "RGB".

    Transparency is composited on white. Wide greys are scaled linearly over the whole range of
    their type, never stretched to what an image happens to use: the contrast would then depend
    on the brightest speck in it.

    Args:
        white_is_zero: whether 16-bit values count down from white. Pillow turns such TIFF files
            round at 8 bits but not at 16.

    Raises:
        ValuesOutOfRange: 32-bit integers beyond 16 bits, or floats beyond 0 to 255 or not finite.
    """
    if image.mode in SIXTEEN_BIT_MODES or image.mode == "I":
        return _from_integers(np.asarray(image), white_is_zero)
    if image.mode == "F":
        return _from_floats(np.asarray(image))
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("L" if image.mode in GREY_MODES else "RGB")


def _from_integers(values: npt.NDArray[np.generic], white_is_zero: bool) -> Image.Image:
    """65535 / 255 is 257, so this is the nearest 8-bit value, and 8-bit data widened by repeating
    its byte comes back unchanged."""
    if values.min() < 0 or values.max() > 65535:
        raise ValuesOutOfRange
    if white_is_zero:
        values = 65535 - values
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _from_floats(values: npt.NDArray[np.generic]) -> Image.Image:
    """Floats up to 1 are taken as shares of white, those up to 255 as 8-bit values."""
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
        raise ValuesOutOfRange
    scale = 255 if values.max() <= 1 else 1
    return Image.fromarray(np.rint(values * scale).astype(np.uint8))


def _from_lab(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    return transform.apply(image)


def _on_white(image: Image.Image) -> Image.Image:
    mode = "L" if image.mode in GREY_MODES else "RGB"
    straight = image.convert("LA") if image.mode == "La" else image
    colours = straight.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert(mode)
