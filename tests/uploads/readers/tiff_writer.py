"""A TIFF writer of few lines, so that reader and writer do not share their mistakes."""

import struct
import zlib
from collections.abc import Callable
from typing import Final

import imagecodecs
import numpy as np

ROWS_PER_STRIP: Final = 7
COMPRESSIONS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "none": (1, bytes),
    "lzw": (5, lambda data: bytes(imagecodecs.lzw_encode(data))),
    "zlib": (8, zlib.compress),
    "packbits": (32773, lambda data: bytes(imagecodecs.packbits_encode(data))),
    "zstd": (50000, lambda data: bytes(imagecodecs.zstd_encode(data))),
    "lzma": (34925, lambda data: bytes(imagecodecs.lzma_encode(data))),
}


def write(
    values: np.ndarray,
    *,
    bits: int,
    photometric: int,
    byteorder: str = "<",
    compression: str = "none",
    planar: bool = False,
    orientation: int = 1,
) -> bytes:
    """A file of values (height, width, samples) in strips."""
    height, width, samples = values.shape
    code, compress = COMPRESSIONS[compression]
    planes = [values[..., [sample]] for sample in range(samples)] if planar else [values]
    strips = [
        compress(_packed(plane[row : row + ROWS_PER_STRIP], bits, byteorder))
        for plane in planes
        for row in range(0, height, ROWS_PER_STRIP)
    ]
    offsets, place = [], 8
    for strip in strips:
        offsets.append(place)
        place += len(strip)
    tags = [
        *((256, [width]), (257, [height]), (258, [bits] * samples), (259, [code])),
        *((262, [photometric]), (273, offsets), (274, [orientation]), (277, [samples])),
        *((278, [ROWS_PER_STRIP]), (279, [len(strip) for strip in strips])),
        (284, [2 if planar else 1]),
    ]
    header = b"II" if byteorder == "<" else b"MM"
    start = struct.pack(f"{byteorder}HI", 42, place)
    return header + start + b"".join(strips) + _directory(tags, place, byteorder)


def _packed(values: np.ndarray, bits: int, byteorder: str) -> bytes:
    """Values of whole bytes in the byte order, others as one stream of bits in each row."""
    if bits in {8, 16}:
        return values.astype(f"{byteorder}u{bits // 8}").tobytes()
    rows = values.reshape(len(values), -1, 1)
    stream = rows >> np.arange(bits)[::-1] & 1
    return np.packbits(stream.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def _directory(tags: list[tuple[int, list[int]]], place: int, byteorder: str) -> bytes:
    """All values are 32-bit numbers; those that need more room stand behind the directory."""
    entries, behind = b"", b""
    room = place + 2 + 12 * len(tags) + 4
    for tag, values in tags:
        packed = struct.pack(f"{byteorder}{len(values)}I", *values)
        if len(values) > 1:
            behind += packed
            packed = struct.pack(f"{byteorder}I", room + len(behind) - len(packed))
        entries += struct.pack(f"{byteorder}HHI", tag, 4, len(values)) + packed
    return struct.pack(f"{byteorder}H", len(tags)) + entries + bytes(4) + behind
