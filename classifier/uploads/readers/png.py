"""PNG: Pillow decodes it, after its chunks have been looked over."""

import io
from typing import Final

from PIL import Image

from classifier.uploads.pixels import DARKEST, check_size
from classifier.uploads.readers import raster
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
LIGHT_PIXELS: Final = 4_000_000
# Pixels are written in chunks of 8 KB by most programs, and of 1 KB by the meanest.
MAXIMUM_CHUNKS: Final = 20_000
WIDE: Final = 16


def is_light(data: bytes) -> bool:
    """Whether it is of usual size and depth, without anything that makes decoders slow."""
    width, height, bits = _header(data)
    is_small = width * height <= LIGHT_PIXELS
    return is_small and bits < WIDE and _chunks(data, MAXIMUM_CHUNKS) < MAXIMUM_CHUNKS


def read(data: bytes, *, max_pixels: int) -> Decoded:
    width, height, bits = _header(data)
    check_size(width, height, max_pixels)
    if _chunks(data, MAXIMUM_CHUNKS) == MAXIMUM_CHUNKS:
        raise UploadRejected("too_heavy")
    # Decoding alone would miss flipped bits: it stops before the checksum of the pixels.
    Image.open(io.BytesIO(data), formats=["PNG"]).verify()
    decoded = raster.read(data, format="PNG", max_pixels=max_pixels)
    # Pillow takes the high bytes of 16-bit colours.
    if bits == WIDE:
        counts = enumerate(decoded.pixels.histogram())
        if max(index % 256 for index, count in counts if count) < DARKEST * 256:
            raise UploadRejected("values_too_dark", bits=WIDE)
    return decoded


def _header(data: bytes) -> tuple[int, int, int]:
    """Width, height and bits per sample."""
    if len(data) < 25:
        raise UploadRejected("damaged")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), data[24]


def _chunks(data: bytes, limit: int) -> int:
    """How many chunks there are, counted up to a limit."""
    position, count = len(SIGNATURE), 0
    while position < len(data) and count < limit:
        position += 12 + int.from_bytes(data[position : position + 4])
        count += 1
    return count
