"""Small files that cost much, each of a kind that has been met or that is easy to make."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import imagecodecs
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate

from tests.uploads.test_images import colour_blocks, png_chunk, saved

MEGABYTE: Final = 10**6
# As many pixels as are decoded at the default limit.
SIDE: Final = 6_320


def flat(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.full((SIDE, SIDE, *shape), 40, dtype)


def png(colour_type: int, bits: int, samples: int) -> bytes:
    """All zero, without a filter."""
    row = bytes(1 + SIDE * samples * bits // 8)
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_of_chunks() -> bytes:
    image = saved(colour_blocks(), "PNG")
    return image[:33] + png_chunk(b"teSt", b"") * 1_600_000 + image[33:]


def jpeg_of_segments() -> bytes:
    image = saved(colour_blocks(), "JPEG")
    return image[:2] + b"\xff\xe1\0\2" * 4_900_000 + image[2:]


def jpeg_of_padding() -> bytes:
    image = saved(colour_blocks(), "JPEG")
    return image[:2] + b"\xff" * 19_000_000 + image[2:]


def jpeg_of_scans() -> bytes:
    image = saved(Image.fromarray(flat(3)), "JPEG", progressive=True)
    last = image[image.rindex(b"\xff\xda") : -2]
    return image[:-2] + last[:200] * 50 + b"\xff\xd9"


def rle_bmp() -> bytes:
    """A row of five million pixels, of which each line has one."""
    width, lines = 5_000_000, b"\1\5\0\0" * 8 + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, 8, 1, 8, 1, len(lines), 0, 0, 256, 0)
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(lines), 0, 0, start) + header + palette + lines


def tiff(values: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def tiff_of_strips() -> bytes:
    values = np.full((1_000_000, 8), 40, np.uint8)
    return tiff(values, photometric="minisblack", rowsperstrip=1)


def tiff_of_pages() -> bytes:
    """A chain of directories, each marked as a reduced copy."""
    page = tiff(np.zeros((8, 8), np.uint8), photometric="minisblack", subfiletype=1)
    with tifffile.TiffFile(io.BytesIO(page)) as file:
        first = file.pages[0].offset
        size = 2 + 12 * len(file.pages[0].tags)
    directory = page[first : first + size]
    pages, place = [page[:first]], first
    for _ in range(80_000):
        place += size + 4
        pages.append(directory + struct.pack("<I", place))
    return b"".join(pages) + directory + bytes(4)


def gif_of_frames() -> bytes:
    image = saved(Image.new("L", (3_000, 3_000)), "GIF")
    start, end = image.index(b","), len(image) - 1
    return image[:start] + image[start:end] * (18 * MEGABYTE // (end - start)) + b";"


def dicom(syntax: uid.UID, pixels: bytes, samples: int) -> bytes:
    made = pydicom.FileDataset("", {}, file_meta=pydicom.dataset.FileMetaDataset())
    made.preamble = bytes(128)
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = uid.SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    made.Rows = made.Columns = SIDE
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.SamplesPerPixel = samples
    made.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    made.PlanarConfiguration = 0
    made.PixelData = pixels
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def jpeg_2000() -> bytes:
    """A small one whose header claims many pixels in one tile."""
    image = bytearray(saved(colour_blocks(), "JPEG2000", no_jp2=True))
    for place in (8, 12, 24, 28):
        image[place : place + 4] = SIDE.to_bytes(4, "big")
    return bytes(image)


def run_length_encoded() -> bytes:
    """A run of 128 values in two bytes."""
    return struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x28" * (SIDE * SIDE // 128)


# How a large TIFF may be stored.
LARGE_WAYS: Final[dict[str, dict[str, Any]]] = {
    "uncompressed": {},
    "LZW": {"compression": "lzw"},
    "LZW with predictor": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "zlib"},
    "deflate with predictor": {"compression": "zlib", "predictor": True},
    "tiles of deflate": {"compression": "zlib", "tile": 256},
    "tiles of LZW": {"compression": "lzw", "tile": 256},
}
HOSTILE: Final[dict[str, Callable[[], bytes]]] = {
    "RGBA PNG": lambda: png(6, 8, 4),
    "RGBA PNG of 16 bits": lambda: png(6, 16, 4),
    "PNG of a million chunks": png_of_chunks,
    "JPEG of 5 million segments": jpeg_of_segments,
    "JPEG of padding": jpeg_of_padding,
    "progressive JPEG of 60 scans": jpeg_of_scans,
    "RLE BMP": rle_bmp,
    "WebP": lambda: bytes(imagecodecs.webp_encode(flat(3), lossless=True, level=0)),
    "TIFF of a million strips": tiff_of_strips,
    "TIFF of 80,000 pages": tiff_of_pages,
    "TIFF of 16-bit colours": lambda: tiff(
        flat(3, dtype=np.uint16) * 300, photometric="rgb", compression="zlib", rowsperstrip=64
    ),
    "GIF of many frames": gif_of_frames,
    "JPEG 2000": jpeg_2000,
    "DICOM of JPEG 2000": lambda: dicom(uid.JPEG2000Lossless, encapsulate([jpeg_2000()]), 3),
    "DICOM of RLE": lambda: dicom(uid.RLELossless, encapsulate([run_length_encoded()]), 1),
    "deflated DICOM": lambda: dicom(uid.DeflatedExplicitVRLittleEndian, bytes(450_000_000), 1),
}


def large_tiff(
    channels: int, compression: str | None = None, *, predictor: bool = False, tile: int = 0
) -> bytes:
    """As many pixels as are read, of 16 bits: steps of grey from left to right, in each tile."""
    height, width = (tile, tile) if tile else (80, SIDE)
    across = (np.arange(width) * 16 // width * 4369).astype(np.uint16)
    values = np.broadcast_to(across[:, None], (height, width, channels)).copy()
    values = values if channels > 1 else values[..., 0]
    sent = imagecodecs.delta_encode(values, axis=1) if predictor else values
    encoders: dict[str | None, Callable[[Any], Any]] = {
        None: bytes,
        "lzw": imagecodecs.lzw_encode,
        "zlib": imagecodecs.zlib_encode,
    }
    segment = bytes(encoders[compression](np.ascontiguousarray(sent)))
    layout: dict[str, Any] = {"tile": (tile, tile)} if tile else {"rowsperstrip": height}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        (segment for _ in range(-(-SIDE // height) * -(-SIDE // width))),
        shape=(SIDE, SIDE, channels) if channels > 1 else (SIDE, SIDE),
        dtype=np.uint16,
        photometric="rgb" if channels > 1 else "minisblack",
        compression=compression,
        predictor=predictor,
        metadata=None,
        **layout,
    )
    return buffer.getvalue()


LARGE_TIFFS: Final[dict[str, Callable[[], bytes]]] = {
    f"{colour} TIFF of 40 megapixels of 16 bits, {way}": partial(large_tiff, channels, **options)
    for colour, channels in (("grey", 1), ("RGB", 3))
    for way, options in LARGE_WAYS.items()
}
