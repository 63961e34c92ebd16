"""TIFF of every kind that microscopes, cameras and programs write."""

import io
import math
from itertools import islice
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage, xml2dict

from classifier.uploads.pixels import (
    Values,
    as_image,
    check_size,
    on_white,
    scaled,
    to_eight_bits,
    to_srgb,
    upright,
)
from classifier.uploads.readers import jpeg, raster
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

# An image of 40 million pixels in strips of one row has some thousands.
MAXIMUM_SEGMENTS: Final = 50_000
MAXIMUM_PAGES: Final = 100
MAX_SAMPLE_VALUE, ORIENTATION, SUB_IFDS, DNG_VERSION = 281, 274, 330, 50706
SENSOR_VALUES: Final = {PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW}
# Compressions whose decoders give RGB where the file says YCbCr.
JPEGS: Final = {COMPRESSION.JPEG, COMPRESSION.OJPEG}
RED_GREEN_BLUE: Final = (
    ("red", "green", "blue"),
    ("r", "g", "b"),
    # Colours as OME-XML has them: RGBA in a signed number of 32 bits.
    ("-16776961", "16711935", "65535"),
)


def read(data: bytes, *, max_pixels: int) -> Decoded:
    # Other files that the metadata names are never opened.
    with TiffFile(io.BytesIO(data), _multifile=False) as tiff:
        pages = _pages(tiff)
        for page in pages:
            _check_structure(page, data, max_pixels)
        page = pages[0]
        if page.photometric in SENSOR_VALUES or DNG_VERSION in page.tags:
            raise UploadRejected("raw_sensor")
        # YCbCr without JPEG, and JPEG as before 1995, are not read by tifffile.
        if page.compression == COMPRESSION.OJPEG or (
            page.photometric == PHOTOMETRIC.YCBCR and page.compression not in JPEGS
        ):
            return raster.read(data, format="TIFF", max_pixels=max_pixels)
        bits = _bits(tiff, page)
        planes = [_pixels(page, bits) for page in pages]
        pixels = Image.merge("RGB", planes) if len(planes) > 1 else planes[0]
        pixels = to_srgb(pixels, page.iccprofile)
        return Decoded(upright(pixels, page.tags.valueof(ORIENTATION)), "TIFF")


def _pages(tiff: TiffFile) -> list[TiffPage]:
    """The one page that is meant, or the three that are one RGB image.

    Thumbnails, the smaller pages of a pyramid and masks do not count.
    """
    found = [page for page in islice(tiff.pages, MAXIMUM_PAGES) if isinstance(page, TiffPage)]
    whole = [page for page in found if not (page.is_reduced or page.is_mask)]
    if not whole and SUB_IFDS in found[0].tags:
        raise UploadRejected("raw_sensor")
    pages = whole or found
    if _planes(tiff, pages[0]) > 1 or (len(pages) > 1 and not _is_rgb_in_pages(tiff, pages)):
        raise UploadRejected("pages")
    return pages


def _planes(tiff: TiffFile, page: TiffPage) -> int:
    """How many images one page stands for: ImageJ and tifffile keep a whole stack behind it."""
    if page.imagedepth > 1:
        return int(page.imagedepth)
    if tiff.is_imagej:
        return int((tiff.imagej_metadata or {}).get("images", 1))
    if tiff.is_shaped and (shapes := tiff.shaped_metadata):
        return int(np.prod(shapes[0]["shape"])) // max(1, page.size)
    return 1


def _is_rgb_in_pages(tiff: TiffFile, pages: list[TiffPage]) -> bool:
    """Whether the pages are red, green and blue of one image, and OME-XML says so."""
    described = _ome_pixels(tiff)
    channels = described.get("Channel", [])
    if len(pages) != 3 or not isinstance(channels, list) or len(channels) != 3:
        return False
    if {described.get("SizeZ"), described.get("SizeT")} != {1}:
        return False
    said = [
        tuple(str(channel.get(key, "")).lower() for channel in channels)
        for key in ("Name", "Color")
    ]
    return any(words in RED_GREEN_BLUE for words in said)


def _ome_pixels(tiff: TiffFile) -> dict[str, Any]:
    """What OME-XML says of the first image; empty where there is none, or it is broken."""
    if not tiff.is_ome:
        return {}
    try:
        image = xml2dict(tiff.ome_metadata or "")["OME"]["Image"]
        described: dict[str, Any] = (image[0] if isinstance(image, list) else image)["Pixels"]
    except Exception:
        return {}
    return described


def _check_structure(page: TiffPage, data: bytes, max_pixels: int) -> None:
    """From the header alone. Raises UploadRejected."""
    check_size(page.imagewidth, page.imagelength, max_pixels)
    # A tile is decoded whole, and may claim to be larger than its image.
    width = max(page.imagewidth, page.tilewidth)
    height = max(page.imagelength, page.tilelength)
    check_size(width, height, max_pixels)
    places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(places) > MAXIMUM_SEGMENTS:
        raise UploadRejected("too_heavy")
    # What is missing would come out as black, or as whatever lay in memory.
    if len(places) < math.prod(page.chunked) or any(
        not (offset and count and offset + count <= len(data)) for offset, count in places
    ):
        raise UploadRejected("damaged")
    if page.compression == COMPRESSION.JPEG:
        for offset, count in places:
            inner = jpeg.header_of(data[offset : offset + count])
            if inner is None or inner.width > width or inner.height > height:
                raise UploadRejected("damaged")


def _bits(tiff: TiffFile, page: TiffPage) -> int:
    """Over how many bits the values range, as the file says it."""
    bits = int(page.bitspersample)
    if bits <= 8:
        return bits
    declared = _ome_pixels(tiff).get("SignificantBits")
    if isinstance(declared, int) and 8 <= declared <= bits:
        return min(declared, 16)
    highest = page.tags.valueof(MAX_SAMPLE_VALUE)
    highest = highest[0] if isinstance(highest, tuple) else highest
    if isinstance(highest, int) and highest in {2**n - 1 for n in range(9, bits)}:
        return min(highest.bit_length(), 16)
    return min(bits, 16)


def _pixels(page: TiffPage, bits: int) -> Image.Image:
    """One page as an image "L", "RGB" or "CMYK"."""
    # Values (height, width, samples), whether they lie side by side or in planes.
    planes = page.asarray(squeeze=False, maxworkers=1)[:, 0]
    values = planes[0] if len(planes) == 1 else np.moveaxis(planes[..., 0], 0, -1)
    colours = _colours(page)
    if page.photometric == PHOTOMETRIC.PALETTE:
        return as_image(_palette(page)[values[..., 0]])
    if page.photometric in {PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB}:
        return to_eight_bits(Image.fromarray(_lab(page, values), "LAB"))
    shades = scaled(values[..., :colours], bits=bits)
    extra = page.extrasamples[0] if page.extrasamples else EXTRASAMPLE.UNSPECIFIED
    is_transparent = extra != EXTRASAMPLE.UNSPECIFIED
    alpha = scaled(values[..., colours], bits=bits) if is_transparent else None
    # Of 40 million deep pixels there is no room beside their picture.
    del values
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        np.subtract(255, shades, out=shades)
    if page.photometric == PHOTOMETRIC.SEPARATED:
        return Image.fromarray(np.ascontiguousarray(shades), "CMYK")
    if alpha is not None:
        return _composited(shades, alpha, is_premultiplied=extra == EXTRASAMPLE.ASSOCALPHA)
    return as_image(shades[..., 0] if colours == 1 else shades)


def _colours(page: TiffPage) -> int:
    """How many samples are colours; the others are transparency, or nobody knows what."""
    wanted = {
        PHOTOMETRIC.MINISBLACK: 1,
        PHOTOMETRIC.MINISWHITE: 1,
        PHOTOMETRIC.PALETTE: 1,
        PHOTOMETRIC.RGB: 3,
        PHOTOMETRIC.YCBCR: 3,
        PHOTOMETRIC.CIELAB: 3,
        PHOTOMETRIC.ICCLAB: 3,
        PHOTOMETRIC.SEPARATED: 4,
    }.get(PHOTOMETRIC(page.photometric))
    fits = wanted is not None and page.samplesperpixel == wanted + len(page.extrasamples)
    if not fits or (wanted == 1 and EXTRASAMPLE.UNSPECIFIED in page.extrasamples):
        raise UploadRejected("channels", count=page.samplesperpixel)
    return cast(int, wanted)


def _palette(page: TiffPage) -> npt.NDArray[np.uint8]:
    """Colours (entries, 3)."""
    if page.colormap is None:
        raise UploadRejected("damaged")
    colours = page.colormap.T
    # 16 bits by the standard, of which programs fill the low ones or not; 8 bits from some.
    return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)


def _lab(page: TiffPage, values: Values) -> npt.NDArray[np.uint8]:
    """CIELAB in 8 bits, with the signed a and b that Pillow expects in a file."""
    if page.bitspersample == 16:
        values = values >> 8
    lab = values[..., :3].astype(np.uint8)
    if page.photometric == PHOTOMETRIC.ICCLAB:
        lab[..., 1:] ^= 128
    return lab


def _composited(
    shades: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], *, is_premultiplied: bool
) -> Image.Image:
    if is_premultiplied:
        # On white, what is not covered is white.
        uncovered = 255 - alpha[..., None]
        np.add(shades, np.minimum(uncovered, 255 - shades), out=shades)
        return as_image(shades[..., 0] if shades.shape[2] == 1 else shades)
    return on_white(Image.fromarray(np.concatenate([shades, alpha[..., None]], -1)))
