"""HEIC and HEIF, as phones store photographs."""

import pillow_heif

from classifier.uploads.readers import raster
from classifier.uploads.readers.decoded import Decoded

pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# More threads would each take memory of their own.
pillow_heif.options.DECODE_THREADS = 1


def read(data: bytes, *, max_pixels: int) -> Decoded:
    return raster.read(data, format="HEIF", max_pixels=max_pixels)
