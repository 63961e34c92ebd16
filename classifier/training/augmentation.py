"""Random changes of training images, made before an epoch and not part of the network.

NumPy and Pillow only: whatever Keras runs on, a seed changes the images alike.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.preprocessing import as_picture
from classifier.training.photometric import adjusted, recoloured, recorded, restained
from classifier.training.recipe import Augmentation

_CHUNK = 256
# Keras' names of what lies beyond the edge, in NumPy's terms.
_PAD_MODES: dict[str, Literal["symmetric", "edge", "constant", "wrap"]] = {
    "reflect": "symmetric",
    "nearest": "edge",
    "constant": "constant",
    "wrap": "wrap",
}

Images = NDArray[np.uint8]


def augment(images: Images, settings: Augmentation, seed: int) -> Images:
    """Randomly changed copies of images (N, side, side, channels); `seed` decides all.

    All processors take part: NumPy and Pillow let other threads run while they work.
    """
    if settings == Augmentation():
        return images
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    generators = np.random.default_rng(seed).spawn(len(chunks))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(partial(_changed, settings), chunks, generators)))


def _changed(settings: Augmentation, images: Images, generator: np.random.Generator) -> Images:
    images = mirrored(images, settings, generator)
    if settings.shift:
        largest = round(settings.shift * images.shape[1])
        images = shifted(images, largest, settings.fill_mode, generator)
    if settings.zoom:
        images = zoomed(images, settings.zoom, settings.fill_mode, generator)
    if settings.rotation:
        images = rotated(images, settings.rotation, settings.fill_mode, generator)
    if settings.brightness or settings.contrast:
        images = adjusted(images, settings.brightness, settings.contrast, generator)
    if settings.stain or settings.light:
        images = restained(images, settings.stain, settings.light, generator)
    if settings.hue or settings.saturation:
        images = recoloured(images, settings.hue, settings.saturation, generator)
    if settings.recording:
        images = recorded(images, settings.recording, generator)
    return images


def mirrored(images: Images, settings: Augmentation, generator: np.random.Generator) -> Images:
    """Flip and transpose each image with probability one half, as far as the settings say so.

    All three together draw evenly from the eight symmetries of the square: the quarter turns and
    their mirror images.
    """
    result = images.copy()
    if settings.flip_horizontal:
        some = generator.random(len(images)) < 0.5
        result[some] = result[some, :, ::-1]
    if settings.flip_vertical:
        some = generator.random(len(images)) < 0.5
        result[some] = result[some, ::-1]
    if settings.transpose:
        some = generator.random(len(images)) < 0.5
        result[some] = result[some].swapaxes(1, 2)
    return result


def shifted(images: Images, largest: int, fill_mode: str, generator: np.random.Generator) -> Images:
    """Move each image by up to `largest` whole pixels to any side.

    Moving by a fraction blurs, and a network that learned from blurred images of 28 pixels does
    worse on sharp ones.
    """
    side = images.shape[1]
    padded = _padded(images, largest, fill_mode)
    result = np.empty_like(images)
    corners = generator.integers(0, 2 * largest + 1, (len(images), 2))
    for index, (top, left) in enumerate(corners):
        result[index] = padded[index, top : top + side, left : left + side]
    return result


def zoomed(
    images: Images, largest: float, fill_mode: str, generator: np.random.Generator
) -> Images:
    """Show each image up to a share `largest` nearer or farther, resized as uploads are."""
    side = images.shape[1]
    margin = math.ceil(side * largest / 2)
    padded = _padded(images, margin, fill_mode)
    result = np.empty_like(images)
    for index, share in enumerate(generator.uniform(-largest, largest, len(images))):
        first, last = margin - side * share / 2, margin + side + side * share / 2
        box = (first, first, last, last)
        seen = as_picture(padded[index]).resize((side, side), Image.Resampling.BILINEAR, box)
        result[index] = np.asarray(seen).reshape(images.shape[1:])
    return result


def rotated(
    images: Images, largest: float, fill_mode: str, generator: np.random.Generator
) -> Images:
    """Turn each image by up to `largest` degrees to either side."""
    side = images.shape[1]
    margin = math.ceil(side * (math.sqrt(2) - 1) / 2)  # as far as a corner reaches out
    padded = _padded(images, margin, fill_mode)
    result = np.empty_like(images)
    for index, angle in enumerate(generator.uniform(-largest, largest, len(images))):
        turned = as_picture(padded[index]).rotate(angle, Image.Resampling.BILINEAR)
        box = (margin, margin, margin + side, margin + side)
        result[index] = np.asarray(turned.crop(box)).reshape(images.shape[1:])
    return result


def _padded(images: Images, margin: int, fill_mode: str) -> Images:
    beside = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    return np.pad(images, beside, mode=_PAD_MODES[fill_mode])
