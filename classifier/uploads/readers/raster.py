"""What Pillow reads: PNG, BMP, GIF, JPEG 2000, HEIC and AVIF; JPEG as far as it is usual."""

import io
from contextlib import suppress
from typing import Final

from PIL import AvifImagePlugin, ExifTags, Image

from classifier.uploads.pixels import check_size, to_eight_bits, to_srgb, upright
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

# Their first picture is the photograph: behind it a phone stores depth maps, previews and bursts.
WITH_EXTRAS: Final = {"MPO", "HEIF"}
SHOWN_AS: Final = {"MPO": "JPEG", "HEIF": "HEIC"}
# More threads would each take memory of their own.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def read(data: bytes, *, format: str, max_pixels: int) -> Decoded:
    """The only picture of a file in a format that Pillow knows.

    Raises UploadRejected, and for damaged files nearly every built-in exception.
    """
    image = Image.open(io.BytesIO(data), formats=[format])
    check_size(image.width, image.height, max_pixels)
    if image.format not in WITH_EXTRAS and getattr(image, "is_animated", False):
        raise UploadRejected("animated")
    image.load()
    # Some of Pillow's readers keep a second copy of the pixels in these.
    for kept in ("fp", "_decoder"):
        vars(image).pop(kept, None)
    orientation = None
    # Broken EXIF says nothing against the pixels: such an image is taken as it lies.
    with suppress(Exception):
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    profile = image.info.get("icc_profile")
    pixels = image if image.mode == "CMYK" else to_eight_bits(image)
    format = str(image.format)
    return Decoded(upright(to_srgb(pixels, profile), orientation), SHOWN_AS.get(format, format))
