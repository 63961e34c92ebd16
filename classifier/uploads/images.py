"""Turns the bytes that a person uploads into 8-bit pixels, or into a refusal in plain words.

Nothing here touches the database. Whatever the bytes are, only ``UploadRejected`` comes out.
"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Final

import imagecodecs
import numpy as np
from PIL import Image

from classifier.uploads.isolation import decode_isolated
from classifier.uploads.names import file_name, path_name
from classifier.uploads.readers import decode, format_of
from classifier.uploads.refusals import UploadRejected

__all__ = [
    "UploadRejected",
    "UploadedPicture",
    "encode",
    "is_own_thumbnail",
    "read_image",
    "reduced",
    "thumbnail",
]

# Lists show 48 CSS pixels; twice that is sharp on dense screens.
THUMBNAIL_SIDE: Final = 96
# A file no larger than this is its own thumbnail, unless a list of such pictures would fill the
# browser's memory: a second file would save few bytes, and costs more than all else with the first.
SMALL_BYTES: Final = 50_000
SMALL_PIXELS: Final = 2**18


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A decoded upload.

    Attributes:
        pixels: 8 bits per channel, mode "L" or "RGB", upright, in sRGB, without any metadata.
        format: what the bytes really were, such as "PNG" or "DICOM".
        byte_size: of the file as uploaded.
        sha256: of the file as uploaded, 64 hexadecimal digits.
        filename: as sent, without unprintable characters; "unnamed" where nothing is to be seen.
        warnings: sentences for the person who sent it.
        bare_jpeg: the file as it was sent without its metadata, where it is a JPEG and these pixels
            are what it decodes to.
    """

    pixels: Image.Image
    format: str
    byte_size: int
    sha256: str
    filename: str
    warnings: tuple[str, ...] = ()
    bare_jpeg: bytes | None = None

    @property
    def width(self) -> int:
        return self.pixels.width

    @property
    def height(self) -> int:
        return self.pixels.height


def read_image(
    file: BinaryIO,
    *,
    filename: str,
    size: int,
    max_bytes: int,
    max_pixels: int,
    frame: int | None = None,
    in_folder: bool = False,
) -> UploadedPicture:
    """Read ``file`` from its start and decode it.

    A usual PNG or JPEG of usual size is decoded here and now, everything else in a process of its
    own with limits.

    Args:
        filename: as the person sent it, see ``handlers.sent_name``.
        size: the number of bytes that the file claims to have.
        frame: number of the frame, from 1, of a file that holds several.
        in_folder: whether the name may have folders before it, which are then kept.

    Raises:
        UploadRejected: with a message for each way in which an upload can be unfit.
    """
    name = path_name(filename) if in_folder else file_name(filename)
    data = _read_bytes(file, size, max_bytes)
    read = decode if format_of(data).is_light(data) else decode_isolated
    decoded = read(data, max_pixels=max_pixels, frame=frame)
    pixels = decoded.pixels
    pixels.info = {}
    return UploadedPicture(
        pixels=pixels,
        format=decoded.format,
        byte_size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename=name,
        warnings=decoded.warnings,
        bare_jpeg=decoded.bare_jpeg,
    )


def encode(picture: UploadedPicture) -> tuple[str, bytes]:
    """The picture as a file with nothing in it but pixels, after the name of its format.

    What is stored, shown and classified is the same to the last bit: a JPEG stays the JPEG that it
    was, a fifth of the size of its pixels without loss, and all else becomes a PNG.
    """
    if picture.bare_jpeg is not None:
        return "jpg", picture.bare_jpeg
    return "png", _png(picture.pixels)


def is_own_thumbnail(picture: UploadedPicture, stored_bytes: int) -> bool:
    """Whether lists show the stored file itself, which takes so many bytes."""
    return stored_bytes <= SMALL_BYTES and picture.width * picture.height <= SMALL_PIXELS


def thumbnail(picture: UploadedPicture) -> bytes:
    """The picture as a small PNG for lists, at most ``THUMBNAIL_SIDE`` pixels on each side."""
    return _png(reduced(picture.pixels, THUMBNAIL_SIDE))


def reduced(pixels: Image.Image, side: int) -> Image.Image:
    """A picture no larger than `side` each way, in its shape; unlike with ``Image.thumbnail``
    the large one is not copied for it."""
    shrink = side / max(pixels.size)
    if shrink >= 1:
        return pixels
    size = (max(1, round(pixels.width * shrink)), max(1, round(pixels.height * shrink)))
    return pixels.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _png(pixels: Image.Image) -> bytes:
    """Compressed by runs of what differs from the row above: a seventh of the time that Pillow
    takes, for files of the same size."""
    return bytes(
        imagecodecs.png_encode(
            np.asarray(pixels),
            level=1,
            strategy=imagecodecs.PNG.STRATEGY.RLE,
            filter=imagecodecs.PNG.FILTER.UP,
        )
    )


def _read_bytes(file: BinaryIO, size: int, max_bytes: int) -> bytes:
    if size > max_bytes:
        raise UploadRejected("too_many_bytes", limit=max_bytes // 10**6)
    file.seek(0)
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UploadRejected("too_many_bytes", limit=max_bytes // 10**6)
    if not data:
        raise UploadRejected("empty")
    return data
