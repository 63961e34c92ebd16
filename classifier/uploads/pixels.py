"""Brings decoded values of any kind to 8 bits per channel, grey or RGB, upright, in sRGB."""

import io
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from classifier.uploads.refusals import UploadRejected

Values = npt.NDArray[Any]

MINIMUM_SIDE: Final = 8
SIXTEEN_BIT_MODES: Final = {"I;16", "I;16L", "I;16B", "I;16N"}
GREY_MODES: Final = {"1", "L", "LA", "La"}
# Wide values that all lie below this share of white are those of a camera with fewer bits, or
# nothing that one could see.
DARKEST: Final = 1 / 16
# Rows of an image of usual width that are converted at once: copies of all of them would be large.
ROWS_AT_ONCE: Final = 64
# What stands under each value of the tag Orientation, in TIFF as in EXIF.
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
COLOUR_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raises UploadRejected; to be asked from the header, before any pixel is decoded."""
    if width * height > max_pixels:
        raise UploadRejected("too_many_pixels", limit=max_pixels // 10**6)
    if min(width, height) < MINIMUM_SIDE:
        raise UploadRejected("too_small", width=width, height=height, side=MINIMUM_SIDE)


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Convert an image that Pillow has loaded to mode "L" (if it is grey) or "RGB".

    Transparency is composited on white. Raises UploadRejected as `scaled` does.
    """
    if image.mode in SIXTEEN_BIT_MODES or image.mode in {"I", "F"}:
        return as_image(scaled(np.asarray(image), bits=16))
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return ImageCms.buildTransform(lab, SRGB, "LAB", "RGB").apply(image)
    if image.has_transparency_data:
        return on_white(image)
    if image.mode in {"L", "RGB"}:
        return image
    return image.convert("L" if image.mode in GREY_MODES else "RGB")


def scaled(values: Values, *, bits: int) -> npt.NDArray[np.uint8]:
    """Values of any numeric type over the whole range of so many bits, as 0 to 255.

    Linear, and never stretched to what an image happens to use: the contrast would then depend on
    the brightest speck in it. Floats up to 1 are taken as shares of white, those up to 255 as
    8-bit values.

    Raises:
        UploadRejected: for integers beyond the range, floats beyond 0 to 255 or not finite, and
            wider ones than 8 bits that all lie in the darkest sixteenth.
    """
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "f":
        return _from_floats(values)
    if values.dtype.kind not in "iu" or bits > 16:
        raise UploadRejected("values_out_of_range")
    highest = int(values.max())
    if values.min() < 0 or highest >= 2**bits:
        raise UploadRejected("values_out_of_range")
    if bits == 8:
        return values.astype(np.uint8, copy=False)
    if bits > 8 and highest < DARKEST * 2**bits:
        raise UploadRejected("values_too_dark", bits=bits)
    if bits == 16:
        return _high_bytes(values)
    white = 2**bits - 1
    table = ((np.arange(2**bits) * 255 + white // 2) // white).astype(np.uint8)
    return looked_up(table, values)


def looked_up(table: npt.NDArray[np.uint8], values: Values) -> npt.NDArray[np.uint8]:
    """The entry of each value; some rows at a time, since NumPy widens indices to 64 bits."""
    result = np.empty(values.shape, np.uint8)
    for rows in _some_rows(len(values)):
        result[rows] = table[values[rows]]
    return result


def _high_bytes(values: Values) -> npt.NDArray[np.uint8]:
    """Of 16-bit values the nearest 8-bit ones, as by a division by 257, and much sooner."""
    result = np.empty(values.shape, np.uint8)
    for rows in _some_rows(len(values)):
        result[rows] = (values[rows].astype(np.uint32) * 255 + 32_895) >> 16
    return result


def _from_floats(values: Values) -> npt.NDArray[np.uint8]:
    lowest, highest = float(values.min()), float(values.max())
    # Comparisons with NaN are false.
    if not (lowest >= 0 and highest <= 255):
        raise UploadRejected("values_out_of_range")
    result = np.empty(values.shape, np.uint8)
    for rows in _some_rows(len(values)):
        result[rows] = np.rint(values[rows] * (255 if highest <= 1 else 1))
    return result


def as_image(values: npt.NDArray[np.uint8]) -> Image.Image:
    """Values (height, width) or (height, width, 3), each 0 to 255, as an image "L" or "RGB"."""
    return Image.fromarray(np.ascontiguousarray(values))


def on_white(image: Image.Image) -> Image.Image:
    """An image with transparency of any kind as it looks on white paper."""
    straight = image.convert("LA") if image.mode == "La" else image
    result = Image.new("L" if image.mode in GREY_MODES else "RGB", image.size, "white")
    for rows in _some_rows(image.height):
        strip = straight.crop((0, rows.start, image.width, rows.stop)).convert("RGBA")
        result.paste(strip.convert(result.mode), (0, rows.start), strip.getchannel("A"))
    return result


def upright(image: Image.Image, orientation: object) -> Image.Image:
    """The image turned as the tag Orientation says; one that is unknown leaves it as it lies."""
    turn = UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def to_srgb(image: Image.Image, profile: object) -> Image.Image:
    """An image "L", "RGB" or "CMYK" in the colours that its ICC profile gives to its values.

    A profile that is broken, of another colour space, or no different from sRGB to the eye of 8
    bits leaves the values as they are.
    """
    mode = "L" if image.mode == "L" else "RGB"
    transform = _transform(profile, image.mode) if isinstance(profile, bytes) else None
    if transform is None:
        return image if image.mode == mode else image.convert(mode)
    result = Image.new(mode, image.size)
    for rows in _some_rows(image.height):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        result.paste(transform(strip).convert(mode), (0, rows.start))
    return result


def _transform(profile: bytes, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if own.profile.xcolor_space.strip() != COLOUR_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            own, SRGB, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
        return None if _changes_nothing(transform.apply, mode) else transform.apply
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _changes_nothing(transform: Callable[[Image.Image], Image.Image], mode: str) -> bool:
    """To one step, in greys and in a lattice of 9 × 9 × 9 colours: as profiles of sRGB differ."""
    if mode == "CMYK":
        return False
    steps = np.linspace(0, 255, 9 if mode == "RGB" else 256).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    sample = Image.fromarray(lattice if mode == "RGB" else steps[None])
    change = np.asarray(transform(sample)).astype(int) - np.asarray(sample.convert("RGB"))
    return bool(np.abs(change).max() <= 1)


def _some_rows(height: int) -> Iterator[slice]:
    for start in range(0, height, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, height))
