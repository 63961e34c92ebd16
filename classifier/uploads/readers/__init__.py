"""One module for each family of formats, and the table that chooses among them by content."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Final

from PIL import Image

from classifier.uploads.readers import jpeg, png, raster
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.readers.foreign import refuse_foreign
from classifier.uploads.refusals import UploadRejected

Reader = Callable[..., Decoded]


@dataclass(frozen=True, slots=True)
class Format:
    """A format by the bytes at its start.

    Attributes:
        read: takes the bytes and `max_pixels`, where `has_frames` also `frame`.
        is_light: whether a file is decoded at once in the process that received it.
    """

    signature: re.Pattern[bytes]
    read: Reader
    is_light: Callable[[bytes], bool] = lambda data: False
    has_frames: bool = False


def lazily(module: str) -> Reader:
    """The reader of a module whose libraries are loaded only where such a file is read."""

    def read(data: bytes, **options: int | None) -> Decoded:
        reader: Reader = import_module(f"classifier.uploads.readers.{module}").read
        return reader(data, **options)

    return read


def starts(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


FORMATS: Final = (
    # Before TIFF, since what stands before the DICOM part of a file may be a TIFF of it.
    Format(starts(rb".{128}DICM"), lazily("dicom"), has_frames=True),
    Format(starts(rb"\x89PNG\r\n\x1a\n"), png.read, png.is_light),
    Format(starts(rb"\xff\xd8\xff"), jpeg.read, jpeg.is_light),
    Format(starts(rb"II[*+]\0|MM\0[*+]"), lazily("tiff")),
    Format(starts(rb"RIFF.{4}WEBP"), lazily("webp")),
    Format(starts(rb"BM"), partial(raster.read, format="BMP")),
    Format(starts(rb"GIF8[79]a"), partial(raster.read, format="GIF")),
    Format(starts(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), lazily("jpeg2000")),
    Format(
        starts(rb".{4}ftyp(?:avi[fs]|m[is][fa]1.{0,40}?avif)"), partial(raster.read, format="AVIF")
    ),
    Format(starts(rb".{4}ftyp(?:he[ivm][a-z]|mif1|msf1)"), lazily("heif")),
)


def format_of(data: bytes) -> Format:
    """Raises UploadRejected for what is not read, with its name where that is known."""
    refuse_foreign(data)
    for format in FORMATS:
        if format.signature.match(data):
            return format
    raise UploadRejected("not_an_image")


def decode(data: bytes, *, max_pixels: int, frame: int | None = None) -> Decoded:
    """Decode in this process. Whatever the bytes are, only UploadRejected comes out."""
    format = format_of(data)
    options = {"frame": frame} if format.has_frames else {}
    if not format.has_frames and frame not in {None, 1}:
        raise UploadRejected("frame_missing", frame=frame, count=1)
    with _hostile_bytes(max_pixels):
        return format.read(data, max_pixels=max_pixels, **options)


@contextmanager
def _hostile_bytes(max_pixels: int) -> Iterator[None]:
    """Decoders raise nearly every built-in exception on damaged files; here they become one."""
    try:
        yield
    except UploadRejected:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UploadRejected("too_many_pixels", limit=max_pixels // 10**6) from error
    except MemoryError as error:
        raise UploadRejected("too_heavy") from error
    except Exception as error:
        raise UploadRejected("damaged") from error
