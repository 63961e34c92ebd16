"""TIFF over a corpus made here: each file's pixels are known, and Pillow reads many as well."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from classifier.uploads.readers import decode
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected
from tests.uploads.readers.tiff_writer import COMPRESSIONS, write

HEIGHT, WIDTH = 24, 40


def tiff(values: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=options.pop("metadata", None), **options)
    return buffer.getvalue()


def read(data: bytes, **options: Any) -> Decoded:
    return decode(data, max_pixels=10**6, **options)


def refused(data: bytes) -> UploadRejected:
    with pytest.raises(UploadRejected) as caught:
        read(data)
    return caught.value


def samples(bits: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Random values over the whole range of so many bits, both ends of it among them."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    values = np.random.default_rng(seed).integers(0, 2**bits, (HEIGHT, WIDTH, *shape), dtype)
    values[0, 0], values[0, 1] = 0, 2**bits - 1
    return values


def eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    return np.floor(values * (255 / (2**bits - 1)) + 0.5).astype(np.uint8)


def planes(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def as_pillow_reads(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    return np.asarray(image if image.mode in {"L", "RGB"} else image.convert("L"))


def difference(one: Any, other: Any) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16])
def test_every_depth_compression_byte_order_and_layout(
    bits: int, compression: str, byteorder: str, planar: bool
) -> None:
    """Grey, grey counted down from white, and colour."""
    options: dict[str, Any] = {"bits": bits, "byteorder": byteorder, "compression": compression}
    grey, colour = samples(bits, 1), samples(bits, 3)
    shown = eight_bits(grey[..., 0], bits)
    dark, light = (read(write(grey, photometric=zero, **options)).pixels for zero in (1, 0))
    assert (dark.mode, light.mode) == ("L", "L")
    assert difference(dark, shown) == 0
    assert difference(light, 255 - shown) == 0
    if bits >= 8:
        picture = read(write(colour, photometric=2, planar=planar, **options)).pixels
        assert picture.mode == "RGB"
        assert difference(picture, eight_bits(colour, bits)) == 0


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize(("bits", "channels"), [(1, 1), (2, 1), (4, 1), (8, 1), (8, 3)])
def test_pillow_agrees(bits: int, channels: int, byteorder: str, compression: str) -> None:
    """On the files that Pillow reads rightly."""
    values = samples(bits, channels)
    photometric = 2 if channels == 3 else 1
    data = write(
        values, bits=bits, photometric=photometric, byteorder=byteorder, compression=compression
    )
    assert difference(read(data).pixels, as_pillow_reads(data)) == 0


@pytest.mark.parametrize("compression", ["jpeg2000", "webp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_compressions_of_microscopes(compression: str, bits: int) -> None:
    if compression == "webp":
        bits = 8
    values = samples(bits, 3)
    arguments = {"lossless": True} if compression == "webp" else None
    data = tiff(values, photometric="rgb", compression=compression, compressionargs=arguments)
    assert difference(read(data).pixels, eight_bits(values, bits)) == 0


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiles_and_predictors(
    bits: int, planar: str, tile: tuple[int, int] | None, predictor: bool
) -> None:
    values = samples(bits, 3)
    data = tiff(
        values if planar == "contig" else planes(values),
        photometric="rgb",
        planarconfig=planar,
        compression="zlib",
        predictor=predictor,
        tile=tile,
    )
    assert difference(read(data).pixels, eight_bits(values, bits)) == 0


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_pillow_agrees_on_jpeg(colour: bool, tile: tuple[int, int] | None) -> None:
    steps = np.linspace(0, 255, WIDTH).astype(np.uint8)
    values = np.broadcast_to(steps[:, None], (HEIGHT, WIDTH, 3)) if colour else None
    grey = np.ascontiguousarray(np.broadcast_to(steps, (HEIGHT, WIDTH)))
    data = tiff(
        grey if values is None else np.ascontiguousarray(values),
        photometric="rgb" if colour else "minisblack",
        compression="jpeg",
        tile=tile,
    )
    assert difference(read(data).pixels, as_pillow_reads(data)) <= 2


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax(compression: str) -> None:
    image = Image.fromarray(samples(1) * 255).convert("1")
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", compression=compression)
    assert difference(read(buffer.getvalue()).pixels, image.convert("L")) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("planar", [False, True])
def test_orientation(orientation: int, byteorder: str, planar: bool) -> None:
    """Against Pillow, which turns the 8-bit file upright by its own means."""
    options: dict[str, Any] = {"photometric": 2, "byteorder": byteorder, "orientation": orientation}
    values = samples(8, 3)
    expected = as_pillow_reads(write(values, bits=8, **options))
    for bits in (8, 12, 16):
        deep = np.rint(values * ((2**bits - 1) / 255)).astype(np.uint16)
        picture = read(write(deep, bits=bits, planar=planar, **options)).pixels
        assert difference(picture, expected) == 0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
def test_transparency_is_on_white(bits: int, channels: int, kind: str) -> None:
    white = 2**bits - 1
    colours, alpha = samples(bits, channels).astype(float), samples(bits, 1, seed=1).astype(float)
    shown = colours * (alpha / white) + white - alpha
    stored = colours * (alpha / white) if kind == "assocalpha" else colours
    values = np.concatenate([np.rint(stored), alpha], -1).astype(f"u{bits // 8}")
    photometric = "rgb" if channels == 3 else "minisblack"
    data = tiff(values, photometric=photometric, planarconfig="contig", extrasamples=[kind])
    expected = shown / white * 255
    assert difference(read(data).pixels, expected.squeeze().round()) <= 2


def test_a_palette_and_pillow_agrees() -> None:
    colours = np.random.default_rng(2).integers(0, 256, (3, 256), np.uint16)
    for table in (colours * 257, colours * 256, colours):
        data = tiff(samples(8), photometric="palette", colormap=table.astype(np.uint16))
        expected = np.moveaxis(colours[:, samples(8)], 0, -1)
        assert difference(read(data).pixels, expected) == 0


def test_cmyk_and_pillow_agrees() -> None:
    data = tiff(samples(8, 4), photometric="separated")
    expected = Image.open(io.BytesIO(data)).convert("RGB")
    assert difference(read(data).pixels, expected) == 0
    deep = tiff(samples(8, 4).astype(np.uint16) * 257, photometric="separated")
    assert difference(read(deep).pixels, expected) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats(dtype: Any) -> None:
    values = (samples(8) / 255).astype(dtype)
    assert difference(read(tiff(values)).pixels, samples(8)) <= 1


def test_bits_that_ome_xml_declares() -> None:
    values = samples(12)
    buffer = io.BytesIO()
    metadata = {"axes": "YX", "SignificantBits": 12}
    tifffile.imwrite(buffer, values, ome=True, photometric="minisblack", metadata=metadata)
    assert b'SignificantBits="12"' in buffer.getvalue()
    assert difference(read(buffer.getvalue()).pixels, eight_bits(values, 12)) == 0


def test_bits_that_the_highest_value_declares() -> None:
    values = samples(12)
    data = tiff(values, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)])
    assert difference(read(data).pixels, eight_bits(values, 12)) == 0


def test_values_that_would_be_black_are_refused() -> None:
    assert refused(tiff(samples(12), photometric="minisblack")).code == "values_too_dark"
    assert refused(tiff(samples(12, 3), photometric="rgb")).code == "values_too_dark"
    assert read(tiff(samples(14), photometric="minisblack")).pixels.getextrema() == (0, 64)


def test_smaller_pages_and_masks_are_no_pages() -> None:
    values = samples(8, 3)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        options: dict[str, Any] = {"photometric": "rgb", "metadata": None}
        writer.write(values, subifds=1, **options)
        writer.write(values[::2, ::2], subfiletype=1, **options)
        writer.write(values[::4, ::4], subfiletype=1, **options)
        mask = np.ones((HEIGHT, WIDTH), bool)
        writer.write(mask, subfiletype=4, photometric="minisblack", metadata=None)
    assert difference(read(buffer.getvalue()).pixels, values) == 0


@pytest.mark.parametrize("options", [{"imagej": True}, {"metadata": {}}, {"ome": True}])
def test_stacks_are_refused(options: dict[str, Any]) -> None:
    stack = np.stack([samples(8, seed=seed) for seed in range(3)])
    metadata = options.pop("metadata", {})
    for written in (stack, stack[:, None]):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, written, photometric="minisblack", metadata=metadata, **options)
        assert refused(buffer.getvalue()).code == "pages"


def test_a_stack_behind_one_directory_is_refused() -> None:
    stack = np.stack([samples(8, seed=seed) for seed in range(3)])
    for options in ({"imagej": True}, {"metadata": {}}):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, stack, photometric="minisblack", truncate=True, **options)
        with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as written:
            assert len(written.pages) == 1
        assert refused(buffer.getvalue()).code == "pages"


@pytest.mark.parametrize(
    "channels",
    [
        {"Name": ["Red", "Green", "Blue"]},
        {"Name": ["a", "b", "c"], "Color": [-16776961, 16711935, 65535]},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_that_are_plainly_red_green_and_blue(channels: Any, dtype: Any) -> None:
    values = samples(8, 3).astype(dtype) * (257 if dtype == np.uint16 else 1)
    metadata = {"axes": "CYX", "Channel": channels}
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, planes(values), ome=True, photometric="minisblack", metadata=metadata)
    assert difference(read(buffer.getvalue()).pixels, samples(8, 3)) == 0


def test_channels_that_are_something_else_are_refused() -> None:
    values = planes(samples(8, 3))
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "mCherry"]}}
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, ome=True, photometric="minisblack", metadata=metadata)
    assert refused(buffer.getvalue()).code == "pages"
    in_one_page = tiff(values, photometric="minisblack", planarconfig="separate")
    assert refused(in_one_page).code == "channels"
    assert "3 channels" in refused(in_one_page).message


@pytest.mark.parametrize("bits", [8, 16])
def test_wide_gamut_becomes_srgb(bits: int) -> None:
    """In a profile that has red and green changed round, to be seen without doubt."""
    values = samples(bits, 3)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    plain = tiff(values, photometric="rgb", iccprofile=profile)
    assert difference(read(plain).pixels, eight_bits(values, bits)) == 0
    changed = np.asarray(read(tiff(values, photometric="rgb", iccprofile=swapped)).pixels)
    assert difference(changed[..., [1, 0, 2]], eight_bits(values, bits)) <= 2


@pytest.mark.parametrize("what", ["strip", "offset", "count"])
def test_missing_pixels_are_refused(what: str) -> None:
    """What is not there would be black, or whatever lay in memory."""
    data = bytearray(tiff(samples(8), photometric="minisblack", rowsperstrip=8))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages[0].tags
        place = (tags[273] if what == "offset" else tags[279]).valueoffset
        length = tags[279].offset + 4
    if what == "strip":
        data[length : length + 4] = (1).to_bytes(4, "little")
    else:
        data[place : place + 2] = bytes(2)
    assert refused(bytes(data)).code == "damaged"


def test_raw_values_of_a_sensor_are_named() -> None:
    assert refused(tiff(samples(16), photometric="cfa")).code == "raw_sensor"
    dng = tiff(samples(8), photometric="minisblack", extratags=[(50706, "B", 4, b"\1\4\0\0", True)])
    assert refused(dng).code == "raw_sensor"


def test_no_other_file_is_opened() -> None:
    """OME-XML names the files of its series."""
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image><Pixels DimensionOrder="XYCZT" Type="uint8" SizeX="{WIDTH}" SizeY="{HEIGHT}" '
        'SizeC="1" SizeZ="1" SizeT="1"><TiffData><UUID FileName="/etc/passwd">urn:uuid:1</UUID>'
        "</TiffData></Pixels></Image></OME>"
    )
    data = tiff(samples(8), photometric="minisblack", description=xml)
    assert difference(read(data).pixels, samples(8)) == 0
