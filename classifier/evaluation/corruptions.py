"""What happens to images on their way: blur, compression, light, another laboratory's stain.

Each corruption maps RGB or grey pixels (size, size, channels) uint8, as a network sees them, to
pixels of the same shape.
"""

import io
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from classifier.datasets import CorruptionGroup
from classifier.preprocessing import as_picture

Pixels = NDArray[np.uint8]
Corruption = Callable[[Pixels], Pixels]

# Optical density of haematoxylin, eosin and a third stain in red, green and blue: Ruifrok and
# Johnston 2001, "Quantification of histochemical staining by color deconvolution", table 1.
STAINS: Final = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])


def corruptions(groups: Iterable[CorruptionGroup]) -> dict[str, Corruption]:
    """Those of the groups by name, as evaluation.json lists them. Stains take RGB pixels."""
    return {name: corrupt for group in groups for name, corrupt in GROUPS[group].items()}


def _pixels(picture: Image.Image, like: Pixels) -> Pixels:
    return np.asarray(picture, np.uint8).reshape(like.shape)


def rounded(values: NDArray[np.floating]) -> Pixels:
    """The nearest values that a pixel can have."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def blur(share: float, pixels: Pixels) -> Pixels:
    """Gaussian blur; its standard deviation as a share of the image's side."""
    blurred = as_picture(pixels).filter(ImageFilter.GaussianBlur(share * pixels.shape[0]))
    return _pixels(blurred, pixels)


def jpeg(quality: int, pixels: Pixels) -> Pixels:
    """Compressed and read again."""
    buffer = io.BytesIO()
    as_picture(pixels).save(buffer, "JPEG", quality=quality)
    return _pixels(Image.open(buffer), pixels)


def thumbnail(side: int, pixels: Pixels) -> Pixels:
    """Reduced to `side` pixels and enlarged again."""
    size = (pixels.shape[1], pixels.shape[0])
    small = as_picture(pixels).resize((side, side), Image.Resampling.BILINEAR)
    return _pixels(small.resize(size, Image.Resampling.BILINEAR), pixels)


def tight_crop(share: float, pixels: Pixels) -> Pixels:
    """The central share of the image, enlarged."""
    side = pixels.shape[0]
    margin = side * (1 - share) / 2
    box = (margin, margin, side - margin, side - margin)
    cut = as_picture(pixels).resize((side, side), Image.Resampling.BILINEAR, box=box)
    return _pixels(cut, pixels)


def wide_view(factor: float, pixels: Pixels) -> Pixels:
    """What a camera of a wider field shows, with the image mirrored around itself."""
    margin = round(pixels.shape[0] * (factor - 1) / 2)
    wide = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    size = (pixels.shape[1], pixels.shape[0])
    return _pixels(as_picture(wide).resize(size, Image.Resampling.BILINEAR), pixels)


def hue(degrees: float, pixels: Pixels) -> Pixels:
    """All hues turned around the colour circle."""
    colour, *others = as_picture(pixels).convert("HSV").split()
    step = round(degrees * 256 / 360)
    turned = colour.point([(value + step) % 256 for value in range(256)])
    return _pixels(Image.merge("HSV", (turned, *others)).convert("RGB"), pixels)


def saturation(share: float, pixels: Pixels) -> Pixels:
    """Colours with a share of their saturation; none of it is grey."""
    return _pixels(ImageEnhance.Color(as_picture(pixels)).enhance(share), pixels)


def gain(factors: float | tuple[float, ...], pixels: Pixels) -> Pixels:
    """Brightness, or the colour of the light: one factor for all channels or one for each."""
    return rounded(pixels * np.asarray(factors))


def gamma(exponent: float, pixels: Pixels) -> Pixels:
    """Another curve of the display: above 1 the middle tones are darker."""
    return rounded(255 * (pixels / 255) ** exponent)


def stain(strengths: tuple[float, ...], pixels: Pixels) -> Pixels:
    """As if each of the three stains of `STAINS` had been stronger or weaker by a factor."""
    density = -np.log((pixels + 1.0) / 256)
    basis = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    amounts = density @ np.linalg.inv(basis)
    return rounded(256 * np.exp(-(amounts * np.array(strengths)) @ basis) - 1)


def another_laboratory(pixels: Pixels) -> Pixels:
    """As another laboratory or machine might have it: scale, stain, light and recording at once.

    What changes by how much is drawn at random for each image, from its own values, and so is the
    same every time.
    """
    random = np.random.default_rng(zlib.crc32(pixels.tobytes()))
    channels = pixels.shape[-1]
    scale = float(random.uniform(0.7, 1.4))
    changes: list[Corruption] = [
        partial(tight_crop if scale < 1 else wide_view, scale),
        partial(gain, tuple(np.exp(random.normal(0, 0.05, channels)))),
        partial(gamma, float(np.exp(random.normal(0, 0.15)))),
        partial(blur, float(random.uniform(0, 0.015))),
        partial(jpeg, int(random.integers(50, 96))),
    ]
    if channels == 3:
        changes.insert(1, partial(stain, tuple(np.exp(random.normal(0, 0.3, 3)))))
    for change in changes:
        pixels = change(pixels)
    return pixels


COMMON: Final[Mapping[str, Corruption]] = {
    "blur, 1.5 % of the side": partial(blur, 0.015),
    "blur, 3 % of the side": partial(blur, 0.03),
    "JPEG, quality 50": partial(jpeg, 50),
    "JPEG, quality 10": partial(jpeg, 10),
    "15 % brighter": partial(gain, 1.15),
    "15 % darker": partial(gain, 0.85),
    "thumbnail of 28 pixels": partial(thumbnail, 28),
    "tight crop, central 80 %": partial(tight_crop, 0.8),
    "1.8 times as wide, surroundings mirrored": partial(wide_view, 1.8),
}
STAIN: Final[Mapping[str, Corruption]] = {
    "stain, more blue": partial(stain, (1.4, 0.7, 1.0)),
    "stain, more pink": partial(stain, (0.7, 1.4, 1.0)),
    "stain, pale": partial(stain, (0.6, 0.6, 0.6)),
    "warm light": partial(gain, (1.1, 1.0, 0.8)),
    "cold light": partial(gain, (0.8, 1.0, 1.1)),
    "hue, 20° towards blue": partial(hue, -20),
    "hue, 20° towards red": partial(hue, 20),
    "half the saturation": partial(saturation, 0.5),
    "another laboratory, drawn at random": another_laboratory,
}
SCANNER: Final[Mapping[str, Corruption]] = {
    "gamma 0.7": partial(gamma, 0.7),
    "gamma 1.4": partial(gamma, 1.4),
    "another machine, drawn at random": another_laboratory,
}
GROUPS: Final[Mapping[CorruptionGroup, Mapping[str, Corruption]]] = {
    "common": COMMON,
    "stain": STAIN,
    "scanner": SCANNER,
}
