"""JPEG of every process: the usual ones through Pillow, lossless and 12-bit ones beside it."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from classifier.uploads.pixels import as_image, check_size, scaled
from classifier.uploads.readers import raster
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

SIGNATURE: Final = b"\xff\xd8\xff"
# Each scan of a progressive JPEG passes over the whole image, and needs but sixty bytes.
MAXIMUM_SCANS: Final = 64
# Profiles and the like come in pieces of 64 KB, so of a usual size these are some dozens.
MAXIMUM_SEGMENTS: Final = 1_000
MAXIMUM_FILLING: Final = 64 * 1024
# Up to so many pixels a usual JPEG is decoded at once in the web process.
LIGHT_PIXELS: Final = 4_000_000

# Markers that open a segment or end the image; not stuffed bytes, restarts and padding.
MARKER: Final = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
JPEG_LS, LOSSLESS = 0xF7, 0xC3
STARTS_OF_FRAME: Final = {*range(0xC0, 0xD0), JPEG_LS} - {0xC4, 0xC8, 0xCC}
USUAL: Final = {0xC0, 0xC1, 0xC2}


@dataclass(frozen=True, slots=True)
class Header:
    """What the frame header says, and whether the segments before the pixels join up."""

    process: int
    bits: int
    height: int
    width: int
    is_plain: bool


def is_light(data: bytes) -> bool:
    """Whether it is a usual picture of usual size, without anything that makes decoders slow."""
    header = header_of(data)
    return (
        header is not None
        and header.is_plain
        and header.process in USUAL
        and header.bits == 8
        and header.width * header.height <= LIGHT_PIXELS
    )


def read(data: bytes, *, max_pixels: int) -> Decoded:
    header = header_of(data)
    if header is None:
        raise UploadRejected("damaged")
    check_size(header.width, header.height, max_pixels)
    if header.process in USUAL and header.bits == 8:
        return raster.read(data, format="JPEG", max_pixels=max_pixels)
    return Decoded(as_image(scaled(_stored_values(data, header.process), bits=header.bits)), "JPEG")


def _stored_values(data: bytes, process: int) -> npt.NDArray[Any]:
    import imagecodecs

    if process == JPEG_LS:
        return imagecodecs.jpegls_decode(data)
    return imagecodecs.jpeg8_decode(data)


def header_of(data: bytes) -> Header | None:
    """None without a frame header.

    Ends at the first end-of-image marker: behind it a phone may store a whole film.

    Raises:
        UploadRejected: for more segments, scans or filling between segments than any picture needs.
    """
    frame: tuple[int, int, int, int] | None = None
    position, scans, segments, is_plain = 2, 0, 0, True
    while (found := MARKER.search(data, position)) and found[1][0] != END_OF_IMAGE:
        marker, body = found[1][0], found.end()
        # Before the pixels one segment follows on the other; what lies between is read byte by
        # byte.
        filling = found.start() - position if scans == 0 else 0
        is_plain = is_plain and not filling
        scans += marker == START_OF_SCAN
        segments += 1
        if segments > MAXIMUM_SEGMENTS or scans > MAXIMUM_SCANS or filling > MAXIMUM_FILLING:
            raise UploadRejected("too_heavy")
        if marker in STARTS_OF_FRAME and frame is None:
            numbers = data[body + 2 : body + 7]
            if len(numbers) < 5:
                return None
            frame = (marker, numbers[0], *_pair(numbers[1:]))
        position = body + int.from_bytes(data[body : body + 2])
    return frame and Header(*frame, is_plain)


def _pair(four: bytes) -> tuple[int, int]:
    return int.from_bytes(four[:2]), int.from_bytes(four[2:])
