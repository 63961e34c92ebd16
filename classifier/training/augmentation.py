"""Random changes of training images, made before an epoch and not part of the network."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from PIL import Image

from classifier.inference.preprocessing import as_picture
from classifier.training.appearance import recorded, restained
from classifier.training.corruptions import rounded
from classifier.training.recipe import Augmentation

_CHUNK = 256
# Keras' names of what lies beyond the edge, in NumPy's terms.
_PAD_MODES: dict[str, Literal["symmetric", "edge", "constant", "wrap"]] = {
    "reflect": "symmetric",
    "nearest": "edge",
    "constant": "constant",
    "wrap": "wrap",
}


def augment(images: NDArray[np.uint8], settings: Augmentation, seed: int) -> NDArray[np.uint8]:
    """Give randomly changed copies of images (N, side, side, channels); `seed` decides all.

    All processors take part: NumPy and Pillow let other threads run while they work.
    """
    if settings == Augmentation():
        return images
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    generators = np.random.default_rng(seed).spawn(len(chunks))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        changed = np.concatenate(list(pool.map(partial(_changed, settings), chunks, generators)))
    chosen = augmentation_layers(settings, seed)
    return _through(keras.Sequential(chosen), changed) if chosen else changed


def _changed(
    settings: Augmentation, images: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.uint8]:
    images = mirrored(images, settings, generator)
    if settings.shift:
        largest = round(settings.shift * images.shape[1])
        images = shifted(images, largest, settings.fill_mode, generator)
    if settings.zoom:
        images = zoomed(images, settings.zoom, settings.fill_mode, generator)
    if settings.stain or settings.light:
        images = restained(images, settings.stain, settings.light, generator)
    if settings.recording:
        images = recorded(images, settings.recording, generator)
    return images


def _through(pipeline: keras.Sequential, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    result = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        changed = ops.convert_to_numpy(pipeline(chunk, training=True))
        result[start : start + _CHUNK] = rounded(changed)
    return result


def mirrored(
    images: NDArray[np.uint8], settings: Augmentation, generator: np.random.Generator
) -> NDArray[np.uint8]:
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


def shifted(
    images: NDArray[np.uint8], largest: int, fill_mode: str, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Move each image by up to `largest` whole pixels to any side.

    Whole pixels, unlike `layers.RandomTranslation`: moving by a fraction blurs, and a network that
    learned from blurred images of 28 pixels does worse on sharp ones.
    """
    count, side = len(images), images.shape[1]
    margin = ((0, 0), (largest, largest), (largest, largest), (0, 0))
    padded = np.pad(images, margin, mode=_PAD_MODES[fill_mode])
    rows, columns = generator.integers(0, 2 * largest + 1, (2, count, 1)) + np.arange(side)
    moved: NDArray[np.uint8] = padded[
        np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return moved


def zoomed(
    images: NDArray[np.uint8], largest: float, fill_mode: str, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Show each image up to a share `largest` nearer or farther, resized as uploads are.

    Not `layers.RandomZoom`, which takes longer with PyTorch than the training itself.
    """
    side = images.shape[1]
    margin = math.ceil(side * largest / 2)
    beside = ((margin, margin), (margin, margin), (0, 0))
    result = np.empty_like(images)
    for index, share in enumerate(generator.uniform(-largest, largest, len(images))):
        picture = as_picture(np.pad(images[index], beside, mode=_PAD_MODES[fill_mode]))
        first, last = margin - side * share / 2, margin + side + side * share / 2
        seen = picture.resize((side, side), Image.Resampling.BILINEAR, (first, first, last, last))
        result[index] = np.asarray(seen).reshape(images.shape[1:])
    return result


def augmentation_layers(settings: Augmentation, seed: int) -> list[layers.Layer]:
    """Give the layers for float32 images (N, side, side, channels) in 0–255, same shape out."""
    chosen: list[layers.Layer] = []
    if settings.rotation:
        turn = settings.rotation / 360
        chosen.append(layers.RandomRotation(turn, fill_mode=settings.fill_mode, seed=seed))
    if settings.brightness:
        chosen.append(layers.RandomBrightness(settings.brightness, (0, 255), seed=seed + 1))
    if settings.contrast:
        chosen.append(layers.RandomContrast(settings.contrast, (0, 255), seed=seed + 2))
    return chosen
