"""Random photometric changes: how training images were stained, lit and recorded.

Each function returns changed copies of images (N, side, side, channels) uint8. How strongly an
image is changed is drawn for each anew. Of stain and light most change little: a network then
learns what varies between laboratories and stays as good on its own.
"""

from functools import partial

import numpy as np
from PIL import ImageEnhance

from classifier.evaluation.corruptions import Corruption, Pixels, blur, jpeg, rounded, thumbnail
from classifier.preprocessing import as_picture

_CHUNK = 256
# Optical density of each pixel value. Light is absorbed in proportion to the amount of stain in
# these terms (Beer and Lambert; Ruifrok and Johnston 2001).
_DENSITY = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)
BLUR, QUALITY, SIDES, SHARPENING, NOISE = 0.03, (10, 75), (20, 48), 3, 12
# Luminance and two axes of colour in red, green and blue: the NTSC's YIQ.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def adjusted(
    images: Pixels, brightness: float, contrast: float, generator: np.random.Generator
) -> Pixels:
    """Add up to a share `brightness` of the full range, and stretch values around their mean.

    The stretch is by up to a share `contrast`, around the mean of each channel of each image.
    """
    shape = (len(images), 1, 1, 1)
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    added = 255 * generator.uniform(-brightness, brightness, shape).astype(np.float32)
    factor = generator.uniform(1 - contrast, 1 + contrast, shape).astype(np.float32)
    return rounded((images - mean) * factor + mean + added)


def restained(images: Pixels, stain: float, light: float, generator: np.random.Generator) -> Pixels:
    """Mix the optical densities of red, green and blue anew, and change the colour of the light.

    `stain` is the standard deviation of the entries of the mixing matrix around those of the
    identity, `light` that of the logarithm of each channel's brightness, both at full strength.
    """
    count, channels = len(images), images.shape[-1]
    strength = generator.uniform(size=(count, 1, 1)).astype(np.float32) ** 2
    noise = generator.standard_normal((count, channels, channels), np.float32)
    mixing = np.eye(channels, dtype=np.float32) + stain * strength * noise
    illumination = light * strength * generator.standard_normal((count, 1, channels), np.float32)
    result = np.empty_like(images)
    for start in range(0, count, _CHUNK):
        some = slice(start, start + _CHUNK)
        density = _DENSITY[images[some]].reshape(len(images[some]), -1, channels)
        values = 256 * np.exp(illumination[some] - density @ mixing[some]) - 1
        result[some] = rounded(values).reshape(images[some].shape)
    return result


def recoloured(
    images: Pixels, hue: float, saturation: float, generator: np.random.Generator
) -> Pixels:
    """Turn all hues, and make colours fuller or paler, at the same luminance; takes RGB.

    `hue` is the standard deviation of the turn in degrees, `saturation` that of the logarithm of
    the factor.
    """
    count = len(images)
    angle = np.radians(hue) * generator.standard_normal(count)
    factor = np.exp(saturation * generator.standard_normal(count))
    chroma = np.zeros((count, 3, 3))
    chroma[:, 0, 0] = 1
    chroma[:, 1, 1] = chroma[:, 2, 2] = factor * np.cos(angle)
    chroma[:, 1, 2], chroma[:, 2, 1] = -factor * np.sin(angle), factor * np.sin(angle)
    mixing = (np.linalg.inv(_YIQ) @ chroma @ _YIQ).swapaxes(1, 2).astype(np.float32)
    result = np.empty_like(images)
    for start in range(0, count, _CHUNK):
        some = slice(start, start + _CHUNK)
        values = images[some].reshape(len(images[some]), -1, 3).astype(np.float32)
        result[some] = rounded(values @ mixing[some]).reshape(images[some].shape)
    return result


def recorded(images: Pixels, share: float, generator: np.random.Generator) -> Pixels:
    """Blur, sharpen, compress, coarsen a `share` of the images, or add noise to them."""
    result = images.copy()
    for index in np.flatnonzero(generator.uniform(size=len(images)) < share):
        # One of the five, at a random strength.
        recordings: list[Corruption] = [
            partial(blur, float(generator.uniform(0, BLUR))),
            partial(jpeg, int(generator.integers(*QUALITY))),
            partial(thumbnail, int(generator.integers(*SIDES))),
            partial(sharpened, float(generator.uniform(0, SHARPENING))),
            partial(noisy, float(generator.uniform(0, NOISE)), generator),
        ]
        result[index] = recordings[generator.integers(len(recordings))](images[index])
    return result


def sharpened(strength: float, pixels: Pixels) -> Pixels:
    """As cameras do it: what distinguishes a pixel from its neighbours is added once more."""
    picture = ImageEnhance.Sharpness(as_picture(pixels)).enhance(1 + strength)
    return np.asarray(picture, np.uint8).reshape(pixels.shape)


def noisy(deviation: float, generator: np.random.Generator, pixels: Pixels) -> Pixels:
    """With noise of a standard deviation, in values of a pixel."""
    return rounded(pixels + deviation * generator.standard_normal(pixels.shape, np.float32))
