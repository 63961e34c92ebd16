"""A JPEG stays the file that it was, without its metadata, where its pixels are the same."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from classifier.uploads.images import UploadedPicture, encode, read_image
from classifier.uploads.readers.jpeg import without_metadata

SECRET = b"Jane Doe, born 1970"


def cell(mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    return Image.fromarray(values).resize((120, 80), Image.Resampling.BICUBIC).convert(mode)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def read(data: bytes) -> UploadedPicture:
    return read_image(
        io.BytesIO(data), filename="cell.jpg", size=len(data), max_bytes=10**6, max_pixels=10**6
    )


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112], tags[0x010E] = orientation, SECRET.decode()
    return tags


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"exif": exif(1), "comment": SECRET},
        {"subsampling": 0, "dpi": (300, 300)},
        {"restart_marker_blocks": 2},
        {"keep_rgb": True},
    ],
    ids=["plain", "progressive", "metadata", "resolution", "restarts", "coded as RGB"],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_kept_without_its_metadata(mode: str, options: dict[str, Any]) -> None:
    picture = read(jpeg(cell(mode), **options))
    format, content = encode(picture)
    with Image.open(io.BytesIO(content)) as stored:
        assert (format, stored.format) == ("jpg", "JPEG")
        assert stored.mode == mode
        assert stored.tobytes() == picture.pixels.tobytes()
        assert not stored.getexif()
        assert set(stored.info) <= {
            "jfif", "jfif_version", "jfif_unit", "jfif_density", "adobe", "adobe_transform",
            "progressive", "progression",
        }  # fmt: skip
    assert SECRET not in content


def test_what_follows_the_picture_is_dropped() -> None:
    data = jpeg(cell())
    _, content = encode(read(data + SECRET))
    assert SECRET not in content
    assert len(content) <= len(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: jpeg(cell(), exif=exif(6)),
        lambda: jpeg(cell("CMYK")),
        lambda: jpeg(cell(), icc_profile=wide_profile()),
    ],
    ids=["lies on its side", "printed colours", "colours of another space"],
)
def test_pixels_that_the_metadata_changes_are_stored_themselves(make: Callable[[], bytes]) -> None:
    picture = read(make())
    format, content = encode(picture)
    assert format == "png"
    with Image.open(io.BytesIO(content)) as stored:
        assert stored.tobytes() == picture.pixels.tobytes()


def wide_profile() -> bytes:
    """A profile that is read, and is not sRGB."""
    profile = bytearray(srgb())
    red = profile.index(b"rXYZ", profile.index(b"rXYZ"))
    offset = int.from_bytes(profile[red + 4 : red + 8])
    profile[offset + 8 : offset + 12] = (40_000).to_bytes(4)
    return bytes(profile)


@pytest.mark.parametrize("cut", [2, 100, -2])
def test_a_jpeg_without_an_end_is_not_kept(cut: int) -> None:
    assert without_metadata(jpeg(cell())[:cut]) is None
