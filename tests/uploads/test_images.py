"""Refusals: every unfit upload has a message of its own, and hostile bytes raise nothing else."""

import hashlib
import io
import struct
import tracemalloc
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from classifier.uploads.images import (
    THUMBNAIL_SIDE,
    UploadedPicture,
    encode,
    read_image,
    reduced,
    thumbnail,
)
from classifier.uploads.pixels import MINIMUM_SIDE
from classifier.uploads.readers import decode
from classifier.uploads.refusals import REFUSALS, UploadRejected

MEGABYTE = 10**6


def colour_blocks(width: int = 96, height: int = 80) -> Image.Image:
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(blocks.repeat(8, 0).repeat(8, 1))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read(data: bytes, filename: str = "cell.png", **options: Any) -> UploadedPicture:
    limits = {"size": len(data), "max_bytes": 20 * MEGABYTE, "max_pixels": 40 * MEGABYTE}
    return read_image(io.BytesIO(data), filename=filename, **(limits | options))


def rejection(data: bytes, filename: str = "cell.png", **options: Any) -> UploadRejected:
    with pytest.raises(UploadRejected) as caught:
        read(data, filename, **options)
    return caught.value


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def black_png(side: int) -> bytes:
    """A one-bit PNG, packed to about 50 KB at 20,000 pixels a side."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff_with_tile(side: int) -> bytes:
    """A grey TIFF of 64 x 64 pixels whose only tile claims ``side`` pixels each way."""
    body = zlib.compress(bytes(side * side), 9)
    first_byte = 8 + 2 + 12 * 10 + 4
    values = [64, 64, 8, 8, 1, 1, side, side, first_byte, len(body)]
    tags = [256, 257, 258, 259, 262, 277, 322, 323, 324, 325]
    entries = [
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in zip(tags, values, strict=True)
    ]
    return b"II*\0" + struct.pack("<IH", 8, 10) + b"".join(entries) + bytes(4) + body


def heic(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


VALID = {
    "png": saved(colour_blocks(), "PNG"),
    "png palette": saved(colour_blocks().quantize(16), "PNG"),
    "png 16 bits": saved(Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80)), "PNG"),
    "jpeg": saved(colour_blocks(), "JPEG"),
    "jpeg progressive": saved(colour_blocks(), "JPEG", progressive=True),
    "jpeg cmyk": saved(colour_blocks().convert("CMYK"), "JPEG"),
    "bmp": saved(colour_blocks(), "BMP"),
    "tiff": saved(colour_blocks(), "TIFF"),
    "tiff lzw": saved(colour_blocks(), "TIFF", compression="tiff_lzw"),
    "tiff jpeg": saved(colour_blocks(), "TIFF", compression="jpeg"),
    "tiff deflate": saved(colour_blocks(), "TIFF", compression="tiff_adobe_deflate"),
    "tiff float": saved(
        Image.fromarray(np.random.default_rng(0).random((32, 32), np.float32)), "TIFF"
    ),
    "gif": saved(colour_blocks(), "GIF"),
    "jpeg2000": saved(colour_blocks(), "JPEG2000"),
    "avif": saved(colour_blocks(), "AVIF"),
    "heic": heic(colour_blocks()),
    "webp": saved(colour_blocks(), "WEBP"),
    "webp lossless": saved(colour_blocks().convert("RGBA"), "WEBP", lossless=True),
}
NEVER_READ = {
    "gif animated": saved(
        colour_blocks(), "GIF", save_all=True, append_images=[Image.new("RGB", (96, 80))]
    ),
    "svg": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "dicom": bytes(128) + b"DICM" + bytes(100),
}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"Just some notes.\n" * 20, "not_an_image"),
        (b"<html><body></body></html>", "not_an_image"),
        (NEVER_READ["gif animated"], "animated"),
        (NEVER_READ["dicom"], "dicom_without_pixels"),
        (VALID["png"][:20], "damaged"),
        (VALID["jpeg"][: len(VALID["jpeg"]) // 2], "damaged"),
        (VALID["png"][: len(VALID["png"]) // 2], "damaged"),
        (VALID["bmp"][: len(VALID["bmp"]) // 2], "damaged"),
        (VALID["tiff"][: len(VALID["tiff"]) // 2], "damaged"),
        (VALID["webp"][: len(VALID["webp"]) // 2], "damaged"),
        (saved(Image.new("L", (1, 1)), "PNG"), "too_small"),
        (saved(Image.new("L", (400, MINIMUM_SIDE - 1)), "PNG"), "too_small"),
        (saved(Image.fromarray(np.full((8, 8), 1e6, np.float32)), "TIFF"), "values_out_of_range"),
        (
            saved(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF"),
            "values_out_of_range",
        ),
        (saved(Image.fromarray(np.full((8, 8), -1, np.int32)), "TIFF"), "values_out_of_range"),
    ],
)
def test_each_kind_of_unfit_file_has_its_own_refusal(data: bytes, code: str) -> None:
    rejected = rejection(data)
    assert (rejected.code, rejected.status) == (code, 400)
    assert str(rejected) == rejected.message


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (NEVER_READ["svg"], "SVG"),
        (b"<svg/>", "SVG"),
        (b"\xff\x0a rest", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n rest", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (saved(colour_blocks(64, 64), "ICO"), "icon"),
        (b"%PDF-1.7\n", "PDF"),
        (saved(colour_blocks(), "PPM"), "Netpbm"),
        (b"\0\0\0\x18ftypmp42", "film"),
        (b"II*\0\x10\0\0\0CR\x02\0", "Canon"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x5c\1\0\0" + bytes(344), "NIfTI"),
    ],
)
def test_a_format_that_is_not_read_is_named(data: bytes, name: str) -> None:
    rejected = rejection(data)
    assert rejected.code == "format_not_read"
    assert name in rejected.message


@pytest.mark.parametrize(
    ("format", "code"), [("PNG", "animated"), ("WEBP", "animated"), ("TIFF", "pages")]
)
def test_several_images_in_one_file(format: str, code: str) -> None:
    second = Image.new("RGB", (96, 80), "red")
    assert (
        rejection(saved(colour_blocks(), format, save_all=True, append_images=[second])).code
        == code
    )


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        ("cell\0.png", "filename_nul"),
        ("../cell.png", "filename_path"),
        ("/etc/passwd", "filename_path"),
        ("C:\\scans\\cell.png", "filename_path"),
        ("..", "filename_path"),
        ("a" * 252 + ".png", "filename_too_long"),
    ],
)
def test_unfit_file_names(filename: str, code: str) -> None:
    rejected = rejection(VALID["png"], filename)
    assert (rejected.code, rejected.status) == (code, 400)


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        ("scan 12:30, Müller (2).png", "scan 12:30, Müller (2).png"),
        ("a" * 251 + ".png", "a" * 251 + ".png"),
        ("gnp.\u202ellec\n.exe", "gnp.llec.exe"),
        ("\t", "unnamed"),
        ("   ", "unnamed"),
        ("\u3164", "unnamed"),
        ("\u2800 \u115f", "unnamed"),
        ("\u0301 \u0301", "unnamed"),
        (" cell.png ", "cell.png"),
        ("Zu\u0308rich \u0915\u094d\u0937.png", "Zu\u0308rich \u0915\u094d\u0937.png"),
        ("ce" + "\u0301" * 200 + "ll.png", "ce" + "\u0301" * 4 + "ll.png"),
    ],
)
def test_file_names_lose_only_what_cannot_be_shown(filename: str, kept: str) -> None:
    assert read(VALID["png"], filename).filename == kept


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("patient1/001.png", "patient1/001.png"),
        ("patient 1\\slide\\001.png", "patient 1/slide/001.png"),
        ("/etc/passwd", "etc/passwd"),
        ("../../a/./b//c.png", "a/b/c.png"),
        ("C:\\scans\\a.png", "scans/a.png"),
        ("a\0\n/b\u202e.png", "a/b.png"),
        ("\t/\u3164", "unnamed/unnamed"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("x" * 300 + "/" + "y" * 100 + "/001.png", "x" * 146 + "/" + "y" * 100 + "/001.png"),
    ],
)
def test_names_with_folders_stay_below_a_folder(path: str, kept: str) -> None:
    assert read(VALID["png"], path, in_folder=True).filename == kept


@pytest.mark.parametrize("declared", [0, 21 * MEGABYTE])
def test_too_many_bytes_whatever_size_is_declared(declared: int) -> None:
    rejected = rejection(VALID["png"] + bytes(20 * MEGABYTE), size=declared)
    assert (rejected.code, rejected.status) == ("too_many_bytes", 413)
    assert "20 MB" in rejected.message


def test_a_declared_excess_is_refused_without_reading() -> None:
    class Unreadable(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("the file was read")

    limits = {"max_bytes": 20 * MEGABYTE, "max_pixels": MEGABYTE}
    with pytest.raises(UploadRejected):
        read_image(Unreadable(), filename="cell.png", size=21 * MEGABYTE, **limits)


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)


@pytest.mark.parametrize("side", [20_000, 12_000, 8_000])
def test_too_many_pixels_are_refused_from_the_header(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above Pillow's own error limit, above its warning limit, and below both."""
    data = black_png(side)
    assert len(data) < 60_000
    forbid_decoding(monkeypatch)
    tracemalloc.start()
    rejected = rejection(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (rejected.code, rejected.status) == ("too_many_pixels", 400)
    assert "40 million" in rejected.message
    assert peak < 5 * MEGABYTE


def test_a_tile_larger_than_its_image_is_refused_from_the_header() -> None:
    assert read(tiff_with_tile(64)).pixels.size == (64, 64)
    assert rejection(tiff_with_tile(2048), max_pixels=MEGABYTE).code == "too_many_pixels"


def test_a_jpeg_of_endless_scans_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = VALID["jpeg progressive"]
    last_scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    endless = jpeg[:-2] + last_scan * 100 + b"\xff\xd9"
    with_film_behind_it = jpeg + b"\xff\xda" * 100
    assert read(with_film_behind_it).format == "JPEG"
    forbid_decoding(monkeypatch)
    with pytest.raises(UploadRejected) as caught:
        decode(endless, max_pixels=MEGABYTE)
    assert caught.value.code == "too_heavy"


def test_text_bombs_in_a_png_are_harmless() -> None:
    bomb = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80 * MEGABYTE), 9))
    assert rejection(VALID["png"][:33] + bomb + VALID["png"][33:]).code == "damaged"


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Cut, or with bits flipped, bytes near the start replaced, or bytes inserted."""
    mutable = bytearray(data)
    match random.integers(4):
        case 0:
            del mutable[random.integers(len(mutable)) :]
        case 1:
            for place in random.integers(len(mutable), size=random.integers(1, 10)):
                mutable[place] ^= 1 << random.integers(8)
        case 2:
            for place in random.integers(min(200, len(mutable)), size=random.integers(1, 10)):
                mutable[place] = random.integers(256)
        case _:
            place = random.integers(len(mutable))
            mutable[place:place] = random.bytes(int(random.integers(1, 50)))
    return bytes(mutable)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*VALID, *NEVER_READ])
def test_hostile_bytes_end_in_pixels_or_a_refusal(kind: str) -> None:
    random = np.random.default_rng(len(kind))
    for _ in range(150):
        with suppress(UploadRejected):
            hostile = damaged((VALID | NEVER_READ)[kind], random)
            assert decode(hostile, max_pixels=MEGABYTE).pixels.mode in {"L", "RGB"}


def test_flipped_bits_in_a_png_are_noticed() -> None:
    data = VALID["png"]
    start = data.index(b"IDAT") + 4
    for place in range(start, len(data) - 16, 3):
        flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert rejection(flipped).code == "damaged"


@pytest.mark.parametrize("kind", VALID)
def test_the_format_is_that_of_the_content(kind: str) -> None:
    picture = read(VALID[kind], "cell.dcm")
    assert picture.format == kind.split()[0].upper()
    assert picture.sha256 == hashlib.sha256(VALID[kind]).hexdigest()
    assert picture.byte_size == len(VALID[kind])
    assert (picture.width, picture.height) == picture.pixels.size


def test_a_file_is_read_from_its_start() -> None:
    file = io.BytesIO(VALID["png"])
    file.read(100)
    limits = {"size": 900, "max_bytes": MEGABYTE, "max_pixels": MEGABYTE}
    assert read_image(file, filename="cell.png", **limits).sha256 == read(VALID["png"]).sha256


def test_thumbnails_keep_the_shape_and_the_picture() -> None:
    picture = read(saved(colour_blocks(400, 200), "PNG"))
    small = Image.open(io.BytesIO(thumbnail(picture)))
    assert small.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2)
    assert picture.pixels.size == (400, 200)
    format, content = encode(picture)
    assert format == "png"
    stored = Image.open(io.BytesIO(content))
    assert np.array_equal(np.asarray(stored), np.asarray(picture.pixels))


def test_a_reduced_picture_is_no_larger_than_asked() -> None:
    large = Image.new("L", (1000, 30))
    assert reduced(large, 100).size == (100, 3)
    assert reduced(large, 1000) is large
    assert reduced(Image.new("L", (5000, 8)), 100).size == (100, 1)


@pytest.mark.parametrize("message", [refusal.message for refusal in REFUSALS.values()])
def test_messages_are_plain_sentences(message: str) -> None:
    assert message.endswith((".", "{remedy}"))
    assert "!" not in message
    assert "diagnos" not in message
    assert message.count(".") >= 2 or "{remedy}" in message, "says what happened, then what to do"


def test_messages_are_distinct() -> None:
    assert len({refusal.message for refusal in REFUSALS.values()}) == len(REFUSALS)


def test_statuses_and_fields_of_refusals() -> None:
    assert {code for code, refusal in REFUSALS.items() if refusal.status == 413} == {
        "too_many_bytes",
        "archive_too_many_bytes",
    }
    assert REFUSALS["busy"].status == 503
    assert REFUSALS["frame_missing"].field == "frame"
    assert {refusal.field for code, refusal in REFUSALS.items() if code.startswith("archive")} == {
        "archive",
        "image",
    }
