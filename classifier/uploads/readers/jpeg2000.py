"""JPEG 2000: through Pillow, but for colours of more than 8 bits, whose white it makes black."""

import io
from typing import Final

import imagecodecs
from PIL import Image

from classifier.uploads.pixels import as_image, check_size, scaled, to_srgb
from classifier.uploads.readers import raster
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

MAXIMUM_VALUES: Final = 60_000_000
FORMAT: Final = "JPEG2000"
# Where the pixels start, and in that header the number of components and the bits of the first.
CODESTREAM: Final = b"\xff\x4f\xff\x51"
COMPONENTS, BITS = slice(40, 42), 42
SIGNED: Final = 0x80
# Brightness and chroma instead of red, green and blue.
CHROMA: Final = b"colr\x01\0\0\0\0\0\x12"


def check_values(count: int) -> None:
    """Raises UploadRejected for more values than fit into memory with four bytes for each."""
    if count > MAXIMUM_VALUES:
        raise UploadRejected("too_heavy")


def read(data: bytes, *, max_pixels: int) -> Decoded:
    header = data[data.index(CODESTREAM) :][: BITS + 1]
    components, bits = int.from_bytes(header[COMPONENTS]), (header[BITS] & ~SIGNED) + 1
    image = Image.open(io.BytesIO(data), formats=[FORMAT])
    check_size(image.width, image.height, max_pixels)
    check_values(image.width * image.height * components)
    if bits <= 8 or components < 3:
        return raster.read(data, format=FORMAT, max_pixels=max_pixels)
    if header[BITS] & SIGNED or CHROMA in data:
        raise UploadRejected("damaged")
    values = imagecodecs.jpeg2k_decode(data, numthreads=1)
    shades = as_image(scaled(values[..., :3], bits=bits))
    return Decoded(to_srgb(shades, image.info.get("icc_profile")), FORMAT)
