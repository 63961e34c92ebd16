"""WebP: libwebp itself decodes it, since Pillow keeps five copies of its pixels meanwhile."""

from contextlib import suppress
from typing import Final

import imagecodecs
from PIL import ExifTags, Image

from classifier.uploads.pixels import as_image, check_size, on_white, to_srgb, upright
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

# A file has seven chunks; frames of an animation, and what nobody knows, would be more.
MAXIMUM_CHUNKS: Final = 64
EXTENDED, LOSSY, LOSSLESS = b"VP8X", b"VP8 ", b"VP8L"
ANIMATED: Final = 0x02
LOSSY_START: Final = b"\x9d\x01\x2a"


def read(data: bytes, *, max_pixels: int) -> Decoded:
    chunks = _chunks(data)
    if EXTENDED in chunks and chunks[EXTENDED][0] & ANIMATED:
        raise UploadRejected("animated")
    check_size(*_size(chunks), max_pixels)
    values = imagecodecs.webp_decode(data)
    pixels = on_white(Image.fromarray(values)) if values.shape[2] == 4 else as_image(values)
    exif = Image.Exif()
    with suppress(Exception):
        exif.load(chunks.get(b"EXIF", b""))
    turned = upright(to_srgb(pixels, chunks.get(b"ICCP")), exif.get(ExifTags.Base.Orientation))
    return Decoded(turned, "WEBP")


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The first chunk of each kind."""
    chunks: dict[bytes, bytes] = {}
    position = 12
    for _ in range(MAXIMUM_CHUNKS):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + length]
        chunks.setdefault(data[position : position + 4], body)
        position += 8 + length + length % 2
        if position >= len(data):
            return chunks
    raise UploadRejected("too_heavy")


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Width and height of what will be decoded. Raises UploadRejected without any."""
    if (lossy := chunks.get(LOSSY, b""))[3:6] == LOSSY_START:
        sides = lossy[6:10]
        return (
            int.from_bytes(sides[:2], "little") & 0x3FFF,
            int.from_bytes(sides[2:], "little") & 0x3FFF,
        )
    if LOSSLESS in chunks:
        bits = int.from_bytes(chunks[LOSSLESS][1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise UploadRejected("damaged")
