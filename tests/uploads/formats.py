"""The document of formats: what is read and how rightly, what is refused, what files may cost."""

import io
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, Final, NamedTuple

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import Image

from classifier.uploads.readers import decode, foreign
from classifier.uploads.refusals import REFUSALS, UploadRejected
from tests.uploads.hostile import HOSTILE, LARGE_TIFFS
from tests.uploads.readers import test_dicom as dicom
from tests.uploads.readers.test_second_decoders import eight_bits, rough, saved, smooth
from tests.uploads.readers.tiff_writer import COMPRESSIONS, write
from tests.uploads.test_isolation import measured

Pixels = npt.NDArray[np.uint8]
Files = Iterable[tuple[bytes, Any]]
MODES: Final = ((), (3,))


class Format(NamedTuple):
    """A row of the table: files with the 8-bit pixels that another decoder makes of each."""

    name: str
    what: str
    second: str
    files: Callable[[], Files]


def png() -> Files:
    for shape, bits in product(MODES, (8, 16)):
        data = bytes(imagecodecs.png_encode(rough(*shape, bits=bits)))
        yield data, eight_bits(imagecodecs.png_decode(data), bits)


def jpeg() -> Files:
    ways: list[dict[str, Any]] = [{}, {"progressive": True}, {"subsampling": 0}]
    for mode, options in product(["L", "RGB"], ways):
        data = saved(Image.fromarray(smooth(3)).convert(mode), "JPEG", quality=90, **options)
        yield data, imagecodecs.jpeg8_decode(data)


def lossless_jpeg() -> Files:
    for bits in (8, 12, 16):
        values = rough(bits=bits)
        data = bytes(imagecodecs.jpeg8_encode(values, lossless=True, bitspersample=bits))
        yield data, eight_bits(imagecodecs.ljpeg_decode(data), bits)
    for bits in (8, 16):
        yield bytes(imagecodecs.jpegls_encode(rough(bits=bits))), eight_bits(rough(bits=bits), bits)


def tiff() -> Files:
    for bits, compression, byteorder, planar in product(
        (8, 10, 12, 14, 16), COMPRESSIONS, "<>", (False, True)
    ):
        options: dict[str, Any] = {"byteorder": byteorder, "compression": compression}
        grey, colour = dicom.samples(bits, 1), dicom.samples(bits, 3)
        yield write(grey, bits=bits, photometric=1, **options), eight_bits(grey[..., 0], bits)
        data = write(colour, bits=bits, photometric=2, planar=planar, **options)
        yield data, eight_bits(colour, bits)


def tiff_by_pillow() -> Files:
    for bits, compression, byteorder in product((1, 2, 4, 8), COMPRESSIONS, "<>"):
        options: dict[str, Any] = {"byteorder": byteorder, "compression": compression}
        data = write(dicom.samples(bits, 1), bits=bits, photometric=1, **options)
        yield data, Image.open(io.BytesIO(data)).convert("L")


def dicom_grey() -> Files:
    for bits in range(8, 17):
        values = dicom.samples(bits)
        window: dict[str, Any] = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
        yield dicom.written(dicom.dataset(values, bits=bits, **window)), eight_bits(values, bits)


def dicom_colour() -> Files:
    values = dicom.samples(8, 3)
    yield dicom.written(dicom.dataset(values)), values
    packed = dicom.dataset(values)
    packed.compress(dicom.uid.RLELossless)
    yield dicom.written(packed), values


def jpeg_2000() -> Files:
    for shape, bits, container in product(MODES, (8, 12, 16), ("jp2", "j2k")):
        options: dict[str, Any] = {"codecformat": container, "bitspersample": bits}
        options |= {"reversible": True, "level": 0}
        data = bytes(imagecodecs.jpeg2k_encode(rough(*shape, bits=bits), **options))
        yield data, eight_bits(imagecodecs.jpeg2k_decode(data), bits)


def webp() -> Files:
    for lossless in (False, True):
        data = saved(Image.fromarray(smooth(3)), "WEBP", lossless=lossless, quality=90)
        yield data, imagecodecs.webp_decode(data)


def avif() -> Files:
    data = saved(Image.fromarray(smooth(3)), "AVIF", quality=95)
    yield data, imagecodecs.avif_decode(data)


def heic() -> Files:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(smooth(3))).save(buffer, quality=-1, chroma=444)
    yield buffer.getvalue(), smooth(3)


def gif() -> Files:
    for mode in ("L", "P"):
        data = saved(Image.fromarray(smooth(3)).convert(mode), "GIF")
        yield data, imagecodecs.gif_decode(data)[..., :3]


def bmp() -> Files:
    data = saved(Image.fromarray(rough(3)), "BMP")
    yield data, imagecodecs.bmp_decode(data)


FORMATS: Final = (
    Format("PNG", "grey, colour; 8, 16 bits", "libspng", png),
    Format("JPEG", "grey, colour; baseline, progressive", "libjpeg-turbo", jpeg),
    Format("Lossless JPEG, JPEG-LS", "8, 12, 16 bits", "liblj92, source", lossless_jpeg),
    Format(
        "TIFF",
        "8 to 16 bits × 6 compressions × byte orders × interleaved, planar",
        "source",
        tiff,
    ),
    Format("TIFF", "1 to 8 bits × 6 compressions × byte orders", "Pillow", tiff_by_pillow),
    Format("DICOM", "grey of 8 to 16 bits in a window", "source", dicom_grey),
    Format("DICOM", "colour; plain, RLE", "source", dicom_colour),
    Format("JPEG 2000", "grey, colour; 8, 12, 16 bits; JP2, J2K", "OpenJPEG", jpeg_2000),
    Format("WebP", "lossy, lossless", "libwebp", webp),
    Format("AVIF", "colour", "libavif", avif),
    Format("HEIC, HEIF", "colour", "source", heic),
    Format("GIF", "grey, palette", "giflib", gif),
    Format("BMP", "colour", "imagecodecs", bmp),
)


def animation(format: str) -> bytes:
    still, other = Image.fromarray(smooth(3)), Image.fromarray(rough(3))
    return saved(still, format, save_all=True, append_images=[other])


def stack() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((5, 40, 40), np.uint8), photometric="minisblack")
    return buffer.getvalue()


def channels(photometric: str, count: int) -> bytes:
    buffer = io.BytesIO()
    values = np.zeros((40, 40, count) if count > 1 else (40, 40), np.uint16)
    values[0, 0] = 2**16 - 1
    tifffile.imwrite(buffer, values, photometric=photometric, planarconfig="contig")
    return buffer.getvalue()


def dark() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, dicom.samples(12), photometric="minisblack")
    return buffer.getvalue()


def cine_loop() -> bytes:
    pixels = 3 * dicom.samples(8).tobytes()
    return dicom.written(dicom.dataset(dicom.samples(8), NumberOfFrames=3, PixelData=pixels))


# Of formats that are read: what of them is not, and why.
REFUSED: Final[dict[str, Callable[[], bytes]]] = {
    "Animated GIF, PNG, WebP, AVIF": lambda: animation("GIF"),
    "TIFF of several pages": stack,
    "TIFF of other channels than red, green, blue": lambda: channels("minisblack", 5),
    "TIFF of a sensor’s raw values": lambda: channels("cfa", 1),
    "TIFF of 12 bits in 16 that does not say so": dark,
    "DICOM of several frames, none chosen": cine_loop,
    "What is no image": lambda: b"Stained on Monday.",
    "An image cut short": lambda: saved(Image.fromarray(rough(3)), "PNG")[:2000],
}


def agreement(format: Format) -> tuple[int, int]:
    """How many files, and by how many of 255 steps the two decoders differ at most."""
    differences = []
    for data, second in format.files():
        read = decode(data, max_pixels=10**6).pixels
        shown = Image.fromarray(np.squeeze(np.asarray(second)))
        one, other = (np.asarray(each.convert("RGB"), np.int16) for each in (read, shown))
        differences.append(int(np.abs(one - other).max()))
    return len(differences), max(differences)


def refusal(data: bytes) -> str:
    try:
        decode(data, max_pixels=10**6)
    except UploadRejected as rejected:
        return rejected.message
    raise AssertionError("This file was read.")


def formats_table() -> str:
    rows = ["| Format | Files | Second decoder | Largest difference |", "|---|---|---|---|"]
    for format in FORMATS:
        count, most = agreement(format)
        words = f"{most} of 255" if most else "none"
        rows.append(f"| {format.name} | {count}: {format.what} | {format.second} | {words} |")
    return "\n".join(rows)


def refusals_table() -> str:
    rows = ["| File | What the person is told |", "|---|---|"]
    rows += [f"| {name} | {refusal(make())} |" for name, make in REFUSED.items()]
    told = REFUSALS["format_not_read"].message
    known = dict.fromkeys((name, remedy) for _, name, remedy in foreign.FORMATS)
    rows += [f"| {name} | {told.format(name=name, remedy=remedy)} |" for name, remedy in known]
    return "\n".join(rows)


def costs_table() -> str:
    """Reads every hostile file, as `test_isolation` does. Figures of the machine it runs on."""
    rows = [
        "| File | Size | Outcome | CPU seconds | Memory |",
        "|---|--:|---|--:|--:|",
    ]
    for kind, make in {**HOSTILE, **LARGE_TIFFS}.items():
        data = make()
        cost = measured(data)
        rows.append(
            f"| {kind} | {len(data) / 1e6:.1f} MB | {cost.outcome} | {cost.seconds:.1f} "
            f"| {cost.megabytes:.0f} MiB |"
        )
    return "\n".join(rows)


TEXT: Final = """# Formats

What an upload may be. Written by `tests/uploads/test_formats.py`, which fails when this is no
longer so; `WRITE_FORMATS=1` makes it write anew.

## Read

Each format was written in its variants and read twice, here and by a second decoder, or compared
with the values that were written (“source”). The difference is the largest of any sample, in steps
of 8 bits.

{formats}

## Refused

Nothing is kept of a refused file. In a batch it is a row with its reason.

{refusals}

## What hostile files cost

At the default limits of 20 MB and 40 million pixels. A file that is not a usual PNG or JPEG is
decoded in a process of its own that ends at 1.5 CPU seconds or 380 MiB; two of these run at the
same time on the whole machine. Measured on two cores of a virtual machine.

{costs}
"""


def document() -> str:
    """The whole page, with what hostile files cost on this machine at this moment."""
    return TEXT.format(formats=formats_table(), refusals=refusals_table(), costs=costs_table())
