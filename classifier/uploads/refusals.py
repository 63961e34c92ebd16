"""Why an upload is not taken: every message, with its HTTP status and the field it is about."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message with places for details, the HTTP status that fits, and the field of the form."""

    message: str
    status: int = 400
    field: str = "image"


WHAT_IS_READ: Final = (
    "Choose a PNG, JPEG, TIFF, DICOM, WebP, BMP, GIF, JPEG 2000, HEIC or AVIF file."
)

REFUSALS: Final = {
    "missing": Refusal("No image was sent. Choose one, drop it here, or try a sample."),
    "empty": Refusal("This file is empty. Choose it again, or export the image anew."),
    "too_many_bytes": Refusal(
        "This file is larger than {limit} MB. Crop the image or scale it down.", status=413
    ),
    "too_many_pixels": Refusal(
        "This image has more than {limit} million pixels. Crop it or scale it down."
    ),
    "too_small": Refusal(
        "This image is only {width} × {height} pixels. "
        "Choose one with at least {side} pixels on each side."
    ),
    "too_heavy": Refusal(
        "Reading this file takes more time or memory than one image is given. "
        "Scale it down, or export it again as PNG or JPEG."
    ),
    "busy": Refusal(
        "Many large images are being read at the moment, and this one was not kept. "
        "Send it again in a minute.",
        status=503,
    ),
    "not_an_image": Refusal(
        f"This file is not an image, whatever its name says. {WHAT_IS_READ}"
    ),
    "format_not_read": Refusal("This is a {name}, which is not read. {remedy}"),
    "damaged": Refusal(
        "This image could not be read: the file is cut short, damaged or stored in an unusual way. "
        "Export it again, best as PNG."
    ),
    "animated": Refusal(
        "This file holds an animation, and only single images are classified. "
        "Export the frame that you mean as PNG."
    ),
    "pages": Refusal(
        "This TIFF holds several pages, and only single images are classified. "
        "Export the page that you mean as PNG."
    ),
    "channels": Refusal(
        "This TIFF holds {count} channels that are not red, green and blue. "
        "Export it as an RGB or grey picture, best as PNG."
    ),
    "raw_sensor": Refusal(
        "This TIFF holds a camera sensor's raw values. Develop it, and export it as PNG or JPEG."
    ),
    "frames": Refusal(
        "This DICOM file holds {count} frames, and one of them is classified. "
        "Give its number, from 1 to {count}, as the frame."
    ),
    "frame_missing": Refusal(
        "There is no frame {frame} in this file. Choose one from 1 to {count}.", field="frame"
    ),
    "dicom_without_pixels": Refusal(
        "This DICOM file has no picture in it, such as a report or a plan. "
        "Choose the file of the image itself."
    ),
    "values_out_of_range": Refusal(
        "The values in this image are neither 8-bit nor 16-bit nor between 0 and 1, "
        "so black and white cannot be told. Export it as an 8-bit PNG."
    ),
    "values_too_dark": Refusal(
        "This image uses only the darkest sixteenth of its {bits}-bit values, as cameras of fewer "
        "bits do when the file does not say so. Set its contrast, and export it as an 8-bit PNG."
    ),
    "filename_nul": Refusal(
        "The file's name has a NUL character in it. Rename the file and choose it again."
    ),
    "filename_path": Refusal(
        "The file's name has a path in it (a slash, a backslash or only dots). "
        "Rename the file and choose it again."
    ),
    "filename_too_long": Refusal(
        "The file's name is longer than {limit} characters. Shorten it and choose the file again."
    ),
    "archive_damaged": Refusal("This archive could not be read. Send a zip file.", field="archive"),
    "archive_cut_short": Refusal(
        "This zip file is cut short: its end, where the list of its files stands, is missing. "
        "Copy or pack it again.",
        field="archive",
    ),
    "archive_not_zip": Refusal(
        "This is a {name}, and archives are read as zip files only. Pack the images as zip.",
        field="archive",
    ),
    "archive_empty": Refusal(
        "There is no file in this archive. Put the images into it.", field="archive"
    ),
    "archive_entries": Refusal(
        "This archive has more than {limit} entries. Split it.", field="archive"
    ),
    "archive_images": Refusal(
        "This archive holds more than {limit} files. Split it.", field="archive"
    ),
    "archive_too_many_bytes": Refusal(
        "The files in this archive come to more than {limit} MB. Split it.",
        status=413,
        field="archive",
    ),
    "archive_nested": Refusal(
        "This is an archive inside of the archive. Put its images there instead."
    ),
    "expands": Refusal(
        "This file unpacks to over {limit} times its packed size. Send it on its own."
    ),
    "encrypted": Refusal("This file is encrypted. Send the archive without a password."),
    "compression": Refusal(
        "This file is compressed in a way that is not read. Use the usual deflate."
    ),
}  # fmt: skip


class UploadRejected(Exception):
    """An upload that cannot be classified.

    Attributes:
        code: a key of ``REFUSALS``.
        message: what happened and what to do, for the person who uploaded.
        status: the HTTP status that fits.
        field: which field of a form or request it is about.
        is_temporary: whether the same file may be taken a minute later.
    """

    def __init__(self, code: str, **details: int | str) -> None:
        refusal = REFUSALS[code]
        self.code, self.details = code, details
        self.message = refusal.message.format(**details)
        self.status, self.field = refusal.status, refusal.field
        self.is_temporary = refusal.status == HTTPStatus.SERVICE_UNAVAILABLE
        super().__init__(self.message)
