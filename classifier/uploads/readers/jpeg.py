"""JPEG of every process: the usual ones through Pillow, lossless and 12-bit ones beside it."""

import io
import re
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy.typing as npt
from PIL import Image

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
# Frame header, Huffman and quantisation tables, the interval of restarts, and the scans themselves.
NECESSARY: Final = {*USUAL, 0xC4, 0xDB, 0xDD, START_OF_SCAN}
# Within a scan no marker stands but restarts.
END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
# Both say how colours are coded. Without resolution and preview; without its last byte, the coding.
JFIF: Final = bytes.fromhex("ffe00010 4a46494600 0101 00 00010001 0000")
ADOBE: Final = bytes.fromhex("ffee000e 41646f6265 0064 0000 0000")


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
        decoded = raster.read(data, format="JPEG", max_pixels=max_pixels)
        is_small = header.width * header.height <= LIGHT_PIXELS
        return replace(decoded, bare_jpeg=_bare_file(data, decoded.pixels) if is_small else None)
    return Decoded(as_image(scaled(_stored_values(data, header.process), bits=header.bits)), "JPEG")


def _stored_values(data: bytes, process: int) -> npt.NDArray[Any]:
    import imagecodecs

    if process == JPEG_LS:
        return imagecodecs.jpegls_decode(data)
    return imagecodecs.jpeg8_decode(data)


def _bare_file(data: bytes, pixels: Image.Image) -> bytes | None:
    """The file without its metadata, where these pixels are what a decoder makes of it.

    They are not where the metadata said how to turn the picture, or what its colours mean.
    """
    bare = without_metadata(data)
    if bare is None:
        return None
    with Image.open(io.BytesIO(bare), formats=["JPEG"]) as image:
        is_same = image.mode == pixels.mode and image.tobytes() == pixels.tobytes()
    return bare if is_same else None


def without_metadata(data: bytes) -> bytes | None:
    """A usual JPEG with nothing in it but what its pixels are decoded from.

    Of JFIF and Adobe's segment only what says how colours are coded is written anew. None where
    the file has a segment that no usual picture has, or no end.
    """
    kept, position = [b"\xff\xd8"], 2
    while found := MARKER.match(data, position):
        marker, body = found[1][0], found.end()
        end = body + int.from_bytes(data[body : body + 2])
        if marker == END_OF_IMAGE:
            return b"".join((*kept, b"\xff\xd9"))
        if marker == START_OF_SCAN:
            following = END_OF_SCAN.search(data, end)
            end = following.start() if following else len(data)
        if marker in NECESSARY:
            kept.append(data[position:end])
        elif data.startswith(b"JFIF\0", body + 2):
            kept.append(JFIF)
        elif data.startswith(b"Adobe", body + 2):
            kept.append(ADOBE + data[body + 13 : body + 14])
        position = end
    return None


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
            height, width = int.from_bytes(numbers[1:3]), int.from_bytes(numbers[3:])
            frame = (marker, numbers[0], height, width)
        position = body + int.from_bytes(data[body : body + 2])
    return frame and Header(*frame, is_plain)
