"""Turns the bytes that a person uploads into 8-bit pixels, or into a refusal in plain words.

Nothing here touches the database. Whatever the bytes are, only ``UploadRejected`` comes out.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, ImageOps

from classifier.uploads.pixels import ValuesOutOfRange, to_eight_bits

FORMATS: Final = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
MINIMUM_SIDE: Final = 8
# Lists show 48 CSS pixels; twice that is sharp on dense screens.
THUMBNAIL_SIDE: Final = 96
# A picture no larger than this is its own thumbnail: a second file would save a list few bytes, and
# writing it costs more than all else with such a picture.
SMALL_SIDE: Final = 128
MAXIMUM_FILENAME_LENGTH: Final = 255
# Letters and symbols to Unicode, and yet nothing to see: Hangul fillers and the blank Braille cell.
BLANKS: Final = " \u115f\u1160\u2800\u3164\uffa0"
# No script needs more on one letter, and a pile of them would cover the lines above.
MARKS_PER_LETTER: Final = 4

PHOTOMETRIC_INTERPRETATION: Final = 262
TILE_WIDTH: Final = 322
TILE_LENGTH: Final = 323

MAXIMUM_SCANS: Final = 64
START_OF_SCAN: Final = b"\xff\xda"
END_OF_IMAGE: Final = b"\xff\xd9"
# Markers that open a segment or end the image; not stuffed bytes, restarts and padding.
JPEG_SEGMENT: Final = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")

SIGNATURES: Final = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|BM|II[*+]\x00|MM\x00[*+]|RIFF....WEBP", re.DOTALL
)
FOREIGN_FORMATS: Final = {
    "svg": re.compile(rb"(?i:(?:\xef\xbb\xbf)?\s*<(?:svg\b|[?!].{,4000}?<svg\b))", re.DOTALL),
    "heic": re.compile(rb".{4}ftyp(?:he[ivm][a-z]|mif1|msf1|avi[fs])", re.DOTALL),
    "dicom": re.compile(rb".{128}DICM", re.DOTALL),
}


WHAT_IS_READ: Final = "Choose a PNG, JPEG, BMP, TIFF or WebP file."
MESSAGES: Final = {
    "missing": "No image was sent. Choose one, drop it here, or try a sample.",
    "empty": "This file is empty. Choose it again, or export the image anew.",
    "too_many_bytes": "This file is larger than {limit} MB. Crop the image or scale it down.",
    "too_many_pixels": (
        "This image has more than {limit} million pixels. Crop it or scale it down."
    ),
    "too_small": (
        "This image is only {width} × {height} pixels. "
        "Choose one with at least {side} pixels on each side."
    ),
    "not_an_image": f"This file is not an image, whatever its name says. {WHAT_IS_READ}",
    "damaged": (
        "This image could not be read: the file is cut short, damaged or stored in an unusual way. "
        "Export it again, best as PNG."
    ),
    "animated": (
        "This file holds an animation, and only single images are classified. "
        "Export the frame that you mean as PNG."
    ),
    "pages": (
        "This TIFF holds several pages, and only single images are classified. "
        "Export the page that you mean as PNG."
    ),
    "svg": (
        "This is an SVG drawing, which has no pixels to classify. "
        "Choose the photograph or scan itself, or export it as PNG."
    ),
    "gif": "GIF files are not read, since they keep at most 256 colours. Export the image as PNG.",
    "heic": "HEIC and AVIF files are not read. Export the photo as JPEG or PNG.",
    "dicom": (
        "This is a DICOM file, which may carry a patient's name. "
        "Export the image as PNG from your viewer, and upload that."
    ),
    "values_out_of_range": (
        "The values in this image are neither 8-bit nor 16-bit nor between 0 and 1, "
        "so black and white cannot be told. Export it as an 8-bit PNG."
    ),
    "filename_nul": (
        "The file's name has a NUL character in it. Rename the file and choose it again."
    ),
    "filename_path": (
        "The file's name has a path in it (a slash, a backslash or only dots). "
        "Rename the file and choose it again."
    ),
    "filename_too_long": (
        "The file's name is longer than {limit} characters. Shorten it and choose the file again."
    ),
    "archive_damaged": "This archive could not be read. Send a zip file.",
    "archive_empty": "There is no file in this archive. Put the images into it.",
    "archive_entries": "This archive has more than {limit} entries. Split it.",
    "archive_images": "This archive holds more than {limit} files. Split it.",
    "archive_too_many_bytes": "The files in this archive come to more than {limit} MB. Split it.",
    "archive_nested": "This is an archive inside of the archive. Put its images there instead.",
    "expands": "This file unpacks to over {limit} times its packed size. Send it on its own.",
    "encrypted": "This file is encrypted. Send the archive without a password.",
    "compression": "This file is compressed in a way that is not read. Use the usual deflate.",
}


class UploadRejected(Exception):
    """An upload that cannot be classified.

    Attributes:
        code: a key of ``MESSAGES``.
        message: what happened and what to do, for the person who uploaded.
        status: the HTTP status that fits, 413 for too many bytes and 400 otherwise.
        field: which field of a form or request it is about.
    """

    def __init__(self, code: str, **details: int | str) -> None:
        self.code = code
        self.message = MESSAGES[code].format(**details)
        self.status = 413 if code.endswith("too_many_bytes") else 400
        self.field = "archive" if code.startswith("archive") else "image"
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A decoded upload.

    Attributes:
        pixels: 8 bits per channel, mode "L" or "RGB", upright, without any metadata.
        format: what the bytes really were, one of ``FORMATS``.
        byte_size: of the file as uploaded.
        sha256: of the file as uploaded, 64 hexadecimal digits.
        filename: as sent, without unprintable characters; "unnamed" where nothing is to be seen.
    """

    pixels: Image.Image
    format: str
    byte_size: int
    sha256: str
    filename: str

    @property
    def width(self) -> int:
        return self.pixels.width

    @property
    def height(self) -> int:
        return self.pixels.height


def read_image(
    file: BinaryIO, *, filename: str, size: int, max_bytes: int, max_pixels: int
) -> UploadedPicture:
    """Read ``file`` from its start and decode it.

    Args:
        filename: as the person sent it, see ``upload_handlers.sent_name``.
        size: the number of bytes that the file claims to have.

    Raises:
        UploadRejected: with a message for each way in which an upload can be unfit.
    """
    name = _printable_name(filename)
    data = _read_bytes(file, size, max_bytes)
    with _hostile_bytes(max_pixels):
        image = _open(data, max_pixels)
        pixels = _decode(image)
    return UploadedPicture(
        pixels=pixels,
        format="JPEG" if image.format == "MPO" else str(image.format),
        byte_size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename=name,
    )


def encode(picture: UploadedPicture) -> bytes:
    """The picture as a PNG file with nothing in it but pixels.

    PNG because it is lossless: what is stored, shown and classified is the same to the last bit.
    Level 1 because the usual 6 takes four times as long to save a sixth of a photograph's size.
    """
    return _png(picture.pixels)


def thumbnail(picture: UploadedPicture) -> bytes:
    """The picture as a small PNG for lists, at most ``THUMBNAIL_SIDE`` pixels on each side."""
    small = picture.pixels.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return _png(small)


def _png(pixels: Image.Image) -> bytes:
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _printable_name(filename: str) -> str:
    if "\0" in filename:
        raise UploadRejected("filename_nul")
    if "/" in filename or "\\" in filename or filename in {".", ".."}:
        raise UploadRejected("filename_path")
    if len(filename) > MAXIMUM_FILENAME_LENGTH:
        raise UploadRejected("filename_too_long", limit=MAXIMUM_FILENAME_LENGTH)
    name = "".join(_with_few_marks(filter(str.isprintable, filename))).strip(BLANKS)
    return name if any(char not in BLANKS and not _is_mark(char) for char in name) else "unnamed"


def _with_few_marks(characters: Iterable[str]) -> Iterator[str]:
    marks = 0
    for char in characters:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= MARKS_PER_LETTER:
            yield char


def _is_mark(char: str) -> bool:
    """Whether it is drawn over, under or into the character before it, such as an accent."""
    return unicodedata.category(char).startswith("M")


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


@contextmanager
def _hostile_bytes(max_pixels: int) -> Iterator[None]:
    """Pillow raises nearly every built-in exception on damaged files; here they become one."""
    try:
        yield
    except UploadRejected:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UploadRejected("too_many_pixels", limit=max_pixels // 10**6) from error
    except Exception as error:
        raise UploadRejected("damaged") from error


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """Identify the file and judge its header; no pixel is decoded yet."""
    _refuse_foreign_formats(data)
    if not SIGNATURES.match(data):
        raise UploadRejected("not_an_image")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if _decoded_pixels(image) > max_pixels:
        raise UploadRejected("too_many_pixels", limit=max_pixels // 10**6)
    if min(image.size) < MINIMUM_SIDE:
        raise UploadRejected("too_small", width=image.width, height=image.height, side=MINIMUM_SIDE)
    # A phone stores depth maps and previews behind the first frame of an MPO file.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise UploadRejected("pages" if image.format == "TIFF" else "animated")
    _check_content(image, data)
    return image


def _refuse_foreign_formats(data: bytes) -> None:
    if data.startswith((b"GIF87a", b"GIF89a")):
        gif = Image.open(io.BytesIO(data), formats=["GIF"])
        raise UploadRejected("animated" if getattr(gif, "is_animated", False) else "gif")
    for code, pattern in FOREIGN_FORMATS.items():
        if pattern.match(data):
            raise UploadRejected(code)


def _check_content(image: Image.Image, data: bytes) -> None:
    if image.format == "PNG":
        # Decoding alone would miss flipped bits: it stops before the checksum of the pixels.
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
    # Each scan of a progressive JPEG passes over the whole image, and needs but sixty bytes.
    if image.format in {"JPEG", "MPO"} and _count_scans(data) > MAXIMUM_SCANS:
        raise UploadRejected("damaged")


def _count_scans(data: bytes) -> int:
    """Counts up to the first end-of-image marker: behind it a phone may store a whole film."""
    position, scans = 2, 0
    while (marker := JPEG_SEGMENT.search(data, position)) and marker[0] != END_OF_IMAGE:
        scans += marker[0] == START_OF_SCAN
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return scans


def _decoded_pixels(image: Image.Image) -> int:
    """A TIFF is decoded tile by tile, and its header may claim a tile larger than the image."""
    tags = getattr(image, "tag_v2", {})
    tile = int(tags.get(TILE_WIDTH, 1)) * int(tags.get(TILE_LENGTH, 1))
    return max(image.width * image.height, tile)


def _decode(image: Image.Image) -> Image.Image:
    """Decode ``image``, turn it upright, and bring it to mode "L" or "RGB"."""
    white_is_zero = getattr(image, "tag_v2", {}).get(PHOTOMETRIC_INTERPRETATION) == 0
    image.load()
    # Broken EXIF says nothing against the pixels: such an image is taken as it lies.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    try:
        pixels = to_eight_bits(image, white_is_zero=white_is_zero)
    except ValuesOutOfRange as error:
        raise UploadRejected("values_out_of_range") from error
    pixels.info = {}
    return pixels
