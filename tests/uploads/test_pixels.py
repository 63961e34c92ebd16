"""Decoding rightly: every kind of pixel becomes the 8-bit grey or colour that it stands for."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from classifier.uploads.images import encode
from tests.uploads.test_images import colour_blocks, png_chunk, read, rejection, saved

RAMP_16 = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
RAMP_8 = (RAMP_16 / 257).round().astype(np.uint8)


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(read(data).pixels)


def png_of(values: np.ndarray) -> bytes:
    """An RGB file of 16 bits, which Pillow does not write, with the same values in each channel."""
    rows = b"".join(b"\0" + row.astype(">u2").repeat(3).tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def largest_difference(one: Any, other: Any) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_lossless_formats_keep_every_pixel(format: str, mode: str) -> None:
    image = colour_blocks().quantize(16) if mode == "P" else colour_blocks().convert(mode)
    picture = read(saved(image, format))
    assert picture.pixels.mode == ("RGB" if mode in {"RGB", "P"} else "L")
    assert largest_difference(picture.pixels, image.convert(picture.pixels.mode)) == 0


@pytest.mark.parametrize(("format", "tolerance"), [("JPEG", 12), ("WEBP", 30)])
def test_lossy_formats_stay_close(format: str, tolerance: int) -> None:
    image = Image.new("RGB", (64, 64), (200, 80, 30))
    assert largest_difference(pixels_of(saved(image, format)), image) <= tolerance


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_ycbcr_tiff(options: dict[str, str]) -> None:
    image = Image.new("RGB", (64, 64), (200, 80, 30))
    data = saved(image.convert("YCbCr"), "TIFF", **options)
    assert largest_difference(pixels_of(data), image) <= 4


def test_alpha_is_composited_on_white() -> None:
    image = Image.new("RGBA", (16, 16), (200, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 8, 16))
    image.paste((200, 0, 0, 128), (0, 0, 4, 16))
    row = pixels_of(saved(image, "PNG"))[0]
    assert row[0].tolist() == pytest.approx([227, 127, 127], abs=1)
    assert row[6].tolist() == [200, 0, 0]
    assert row[12].tolist() == [255, 255, 255]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_grey_with_alpha_stays_grey(format: str) -> None:
    image = Image.new("LA", (16, 16), (40, 255))
    image.paste((40, 0), (8, 0, 16, 16))
    picture = read(saved(image, format))
    assert picture.pixels.mode == "L"
    assert picture.pixels.getpixel((0, 0)) == 40
    assert picture.pixels.getpixel((15, 0)) == 255


def test_transparent_palette_entries_become_white() -> None:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (8, 0, 16, 16))
    picture = read(saved(image, "PNG", transparency=0))
    assert picture.pixels.getpixel((0, 0)) == (255, 255, 255)
    assert picture.pixels.getpixel((15, 0)) == (200, 100, 50)


def test_transparent_key_colours_become_white() -> None:
    image = Image.new("RGB", (16, 16), (10, 20, 30))
    assert np.all(pixels_of(saved(image, "PNG", transparency=(10, 20, 30))) == 255)
    assert np.all(pixels_of(saved(image.convert("L"), "PNG", transparency=3)) != 255)


def test_cmyk() -> None:
    image = Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    assert largest_difference(pixels_of(saved(image, "TIFF")), [255, 0, 0]) == 0
    assert largest_difference(pixels_of(saved(image, "JPEG")), [255, 0, 0]) <= 3


def test_lab() -> None:
    red = Image.new("RGB", (16, 16), (200, 40, 40))
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    data = saved(transform.apply(red), "TIFF")
    assert Image.open(io.BytesIO(data)).mode == "LAB"
    assert largest_difference(pixels_of(data), red) <= 3


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("values", [RAMP_16, RAMP_16.astype(">u2")], ids=["little", "big"])
def test_sixteen_bit_grey_is_scaled_over_its_whole_range(format: str, values: np.ndarray) -> None:
    big_endian = values.dtype.byteorder == ">"
    image = Image.frombytes("I;16B" if big_endian else "I;16", (64, 64), values.tobytes())
    picture = read(saved(image, format))
    assert picture.pixels.mode == "L"
    assert largest_difference(picture.pixels, RAMP_8) == 0


def test_sixteen_bit_grey_is_not_stretched() -> None:
    dark = Image.fromarray(np.full((16, 16), 4200, np.uint16))
    assert np.all(pixels_of(saved(dark, "PNG")) == 16)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG2000"])
def test_twelve_bits_in_sixteen_that_the_file_does_not_tell_are_refused(format: str) -> None:
    twelve_bits = Image.fromarray(RAMP_16 // 16)
    assert rejection(saved(twelve_bits, format)).code == "values_too_dark"


def test_dark_sixteen_bit_colours_are_refused_and_dark_eight_bit_ones_are_not() -> None:
    assert rejection(png_of(RAMP_16 // 16)).code == "values_too_dark"
    assert pixels_of(saved(Image.new("RGB", (16, 16), (3, 2, 1)), "PNG")).max() == 3


def test_sixteen_bit_grey_that_counts_down_from_white() -> None:
    data = saved(Image.fromarray(RAMP_16), "TIFF", tiffinfo={262: 0})
    assert Image.open(io.BytesIO(data)).tag_v2[262] == 0  # type: ignore[attr-defined]
    assert largest_difference(pixels_of(data), 255 - RAMP_8) == 0


def test_thirty_two_bit_integers_are_read_as_sixteen() -> None:
    image = Image.fromarray(RAMP_16.astype(np.int32))
    assert largest_difference(pixels_of(saved(image, "TIFF")), RAMP_8) == 0


def test_sixteen_bit_colour() -> None:
    """Pillow keeps the high byte, which is within one step of the nearest value."""
    assert largest_difference(pixels_of(png_of(RAMP_16)), RAMP_8[..., None]) <= 1


@pytest.mark.parametrize("scale", [1, 255])
def test_floats_from_0_to_1_and_from_0_to_255(scale: int) -> None:
    image = Image.fromarray((RAMP_16 / 65535 * scale).astype(np.float32))
    assert largest_difference(pixels_of(saved(image, "TIFF")), RAMP_8) <= 1


def test_floats_beyond_have_a_refusal_of_their_own() -> None:
    image = Image.fromarray(np.linspace(-1, 1, 256, dtype=np.float32).reshape(16, 16))
    assert rejection(saved(image, "TIFF")).code == "values_out_of_range"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "I;16", {}),
        ("TIFF", "RGB", {}),
        ("TIFF", "I;16", {}),
        ("JPEG", "RGB", {"quality": 100, "subsampling": 0}),
        ("WEBP", "RGB", {"lossless": True}),
    ],
)
def test_orientation_is_applied(
    orientation: int, format: str, mode: str, options: dict[str, Any]
) -> None:
    upright = Image.new("RGB", (64, 32), "black")
    upright.paste("white", (0, 0, 32, 16))
    undo = [
        None,
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.ROTATE_180,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_270,
    ][orientation - 1]
    stored = upright if undo is None else upright.transpose(undo)
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(stored.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = read(saved(stored, format, exif=exif, **options))
    assert (picture.width, picture.height) == (64, 32)
    assert largest_difference(picture.pixels.convert("L"), upright.convert("L")) <= 3


def test_broken_exif_does_not_spoil_the_picture() -> None:
    data = saved(colour_blocks(), "PNG", exif=b"Exif\0\0no directory at all")
    assert largest_difference(pixels_of(data), colour_blocks()) == 0


def test_the_first_frame_of_a_phone_photo() -> None:
    second = Image.new("RGB", (96, 80), "red")
    data = saved(colour_blocks(), "MPO", save_all=True, append_images=[second], quality=95)
    picture = read(data)
    assert picture.format == "JPEG"
    assert np.abs(np.asarray(picture.pixels).astype(int) - np.asarray(colour_blocks())).mean() < 10


def metadata(format: str) -> dict[str, Any]:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "SECRET artist"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "SECRET"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SECRET text")
    text.add_itxt("XML:com.adobe.xmp", "<SECRET/>")
    common = {"exif": exif, "icc_profile": b"SECRET profile" * 20, "dpi": (300, 300)}
    extra: dict[str, dict[str, Any]] = {
        "PNG": {"pnginfo": text},
        "JPEG": {"comment": b"SECRET comment", "xmp": b"<SECRET/>"},
        "WEBP": {"xmp": b"<SECRET/>", "lossless": True},
        "TIFF": {"description": "SECRET description"},
    }
    return common | extra[format]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_no_metadata_survives(format: str) -> None:
    data = saved(colour_blocks(), format, **metadata(format))
    assert b"SECRET" in data
    picture = read(data)
    kind, clean = encode(picture)
    assert kind == ("jpg" if format == "JPEG" else "png")
    assert b"SECRET" not in clean
    stored = Image.open(io.BytesIO(clean))
    # JFIF says how colours are coded; the density is that of no device.
    assert set(stored.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not stored.getexif()
    assert largest_difference(stored, picture.pixels) == 0


def test_transparency_leaves_no_key_behind() -> None:
    data = saved(colour_blocks(), "PNG", transparency=(1, 2, 3))
    assert b"tRNS" not in encode(read(data))
