"""Each other format against a second decoder, over modes, depths and kinds of compression."""

import io
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageCms

from classifier.uploads.readers import decode
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

HEIGHT, WIDTH = 40, 56


def smooth(*shape: int, bits: int = 8) -> np.ndarray:
    """A picture without edges, which lossy formats keep to a few steps."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [(np.sin(down / (5 + k)) + np.cos(across / (7 + k)) + 2) / 4 for k in range(3)]
    values = np.stack(waves, -1) if shape else waves[0]
    return np.rint(values * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def rough(*shape: int, bits: int = 8) -> np.ndarray:
    dtype = np.uint8 if bits == 8 else np.uint16
    values = np.random.default_rng(0).integers(0, 2**bits, (HEIGHT, WIDTH, *shape), dtype)
    values[0, 0] = 2**bits - 1
    return values


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read(data: bytes, **options: Any) -> Decoded:
    return decode(data, max_pixels=10**6, **options)


def difference(one: Any, other: Any) -> int:
    one = one.pixels if isinstance(one, Decoded) else one
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


def eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    return np.floor(values * (255 / (2**bits - 1)) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("bits", [8, 16])
def test_png(shape: tuple[int, ...], bits: int) -> None:
    data = bytes(imagecodecs.png_encode(rough(*shape, bits=bits)))
    second = eight_bits(imagecodecs.png_decode(data), bits)
    assert difference(read(data), second) <= (1 if bits == 16 and shape else 0)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg(mode: str, options: dict[str, Any]) -> None:
    data = saved(Image.fromarray(smooth(3)).convert(mode), "JPEG", quality=90, **options)
    assert difference(read(data), imagecodecs.jpeg8_decode(data)) <= 2


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg(bits: int) -> None:
    """As pathology and DICOM have it, and as cameras have it."""
    for encoded in (
        imagecodecs.jpeg8_encode(rough(bits=bits), lossless=True, bitspersample=bits),
        imagecodecs.ljpeg_encode(rough(bits=bits).astype(np.uint16), bitspersample=bits),
    ):
        second = eight_bits(imagecodecs.ljpeg_decode(bytes(encoded)), bits)
        assert difference(read(bytes(encoded)), second) == 0
        assert difference(second, eight_bits(rough(bits=bits), bits)) == 0


def test_lossless_jpeg_in_colour() -> None:
    data = bytes(imagecodecs.jpeg8_encode(rough(3), lossless=True))
    assert difference(read(data), rough(3)) == 0


def test_jpeg_of_twelve_bits() -> None:
    data = bytes(imagecodecs.jpeg8_encode(smooth(bits=12), 95, bitspersample=12))
    assert difference(read(data), eight_bits(smooth(bits=12), 12)) <= 2


@pytest.mark.parametrize("bits", [8, 16])
def test_jpeg_ls(bits: int) -> None:
    data = bytes(imagecodecs.jpegls_encode(rough(bits=bits)))
    picture = read(data)
    assert picture.format == "JPEG"
    assert difference(picture, eight_bits(rough(bits=bits), bits)) == 0


@pytest.mark.parametrize("container", ["jp2", "j2k"])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_jpeg_2000(shape: tuple[int, ...], bits: int, container: str) -> None:
    values = rough(*shape, bits=bits)
    data = bytes(
        imagecodecs.jpeg2k_encode(
            values, level=0, codecformat=container, bitspersample=bits, reversible=True
        )
    )
    second = imagecodecs.jpeg2k_decode(data)
    assert difference(second, values) == 0
    picture = read(data)
    assert picture.format == "JPEG2000"
    assert difference(picture, eight_bits(second, bits)) <= (1 if bits > 8 else 0)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_webp(mode: str, lossless: bool) -> None:
    image = Image.fromarray(smooth(3)).convert(mode)
    data = saved(image, "WEBP", lossless=lossless, quality=90, exact=True)
    second = Image.open(io.BytesIO(data)).convert("RGB")
    assert difference(read(data), second) == 0


def test_webp_transparency_is_on_white() -> None:
    image = Image.new("RGBA", (WIDTH, HEIGHT), (200, 0, 0, 128))
    pixel = read(saved(image, "WEBP", lossless=True)).pixels.getpixel((3, 3))
    assert pixel == pytest.approx((227, 127, 127), abs=1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_avif(mode: str) -> None:
    data = saved(Image.fromarray(smooth(3)).convert(mode), "AVIF", quality=95)
    second = imagecodecs.avif_decode(data)
    shown = read(data).pixels
    expected = second[..., None] if second.ndim == 2 else second[..., :3]
    assert difference(shown.convert("RGB"), expected) <= 2


@pytest.mark.parametrize("shape", [(), (3,)])
def test_heic(shape: tuple[int, ...]) -> None:
    """Against the source, since no other decoder is at hand."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(smooth(*shape))).save(buffer, quality=-1, chroma=444)
    picture = read(buffer.getvalue())
    assert picture.format == "HEIC"
    expected = Image.fromarray(smooth(*shape)).convert(picture.pixels.mode)
    assert difference(picture, expected) <= 3


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_gif(mode: str) -> None:
    image = Image.fromarray(smooth(3)).convert(mode)
    data = saved(image, "GIF")
    second = imagecodecs.gif_decode(data)
    assert difference(read(data).pixels.convert("RGB"), second[..., :3]) == 0


def test_animations_are_refused() -> None:
    still, other = Image.fromarray(smooth(3)), Image.fromarray(rough(3))
    for format in ("GIF", "PNG", "WEBP", "AVIF"):
        data = saved(still, format, save_all=True, append_images=[other])
        with pytest.raises(UploadRejected) as caught:
            read(data)
        assert caught.value.code == "animated"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_bmp(mode: str) -> None:
    """Rows from below, in blue, green, red, each padded to four bytes: read by hand."""
    image = Image.fromarray(rough(3)).convert(mode)
    data = saved(image, "BMP")
    if mode == "RGB":
        start = int.from_bytes(data[10:14], "little")
        rows = np.frombuffer(data[start:], np.uint8).reshape(HEIGHT, -1)[::-1, : 3 * WIDTH]
        assert difference(read(data), rows.reshape(HEIGHT, WIDTH, 3)[..., ::-1]) == 0
    assert (
        difference(read(data).pixels.convert("RGB"), Image.open(io.BytesIO(data)).convert("RGB"))
        == 0
    )


def wide_gamut() -> bytes:
    """A profile like Adobe RGB: of sRGB's with a green that is far more so."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(132, 132 + 12 * count, 12):
        if profile[entry : entry + 4] == b"gXYZ":
            start = int.from_bytes(profile[entry + 4 : entry + 8], "big") + 8
            for place, number in enumerate((0.2051, 0.6257, 0.0609)):
                there = start + 4 * place
                profile[there : there + 4] = round(number * 65536).to_bytes(4, "big")
    return bytes(profile)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("HEIF", {"quality": -1, "chroma": 444}),
    ],
)
def test_wide_gamut_becomes_srgb(format: str, options: dict[str, Any]) -> None:
    pillow_heif.register_heif_opener()
    image, profile = Image.fromarray(smooth(3)), wide_gamut()
    plain = np.asarray(read(saved(image, format, **options)).pixels)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    second = imagecodecs.cms_transform(
        plain, profile, srgb, colorspace="rgb", outcolorspace="rgb", intent=1
    )
    assert difference(second, plain) > 15
    assert difference(read(saved(image, format, icc_profile=profile, **options)), second) <= 1


def test_other_profiles_change_nothing() -> None:
    image = Image.fromarray(rough(3))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"broken" * 40, srgb[:200]):
        assert difference(read(saved(image, "PNG", icc_profile=profile)), image) == 0
    grey = image.convert("L")
    assert difference(read(saved(grey, "PNG", icc_profile=srgb)), grey) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_orientation(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(Image.fromarray(smooth(3)), format, exif=exif)
    turned = read(data).pixels
    as_stored = read(saved(Image.fromarray(smooth(3)), format)).pixels
    values = np.asarray(as_stored)
    expected = {
        1: values,
        2: values[:, ::-1],
        3: values[::-1, ::-1],
        4: values[::-1],
        5: values.swapaxes(0, 1),
        6: values[::-1].swapaxes(0, 1),
        7: values[::-1, ::-1].swapaxes(0, 1),
        8: values[:, ::-1].swapaxes(0, 1),
    }[orientation]
    assert difference(turned, expected) == 0
