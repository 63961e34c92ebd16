"""Random changes of training images, made before an epoch and not part of the network."""

import math
from typing import Any, Literal

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


class RandomTranspose(layers.Layer):  # type: ignore[misc]  # Keras has no type stubs
    """Swap rows and columns of each image with probability one half.

    Together with both flips this draws evenly from the eight symmetries of the square, which are
    the quarter turns and their mirror images. Takes and gives (N, side, side, channels).
    """

    def __init__(self, *, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Give the images, some of them transposed when `training`."""
        if not training:
            return images
        draw = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=self.seed_generator)
        return ops.where(draw < 0.5, ops.swapaxes(images, 1, 2), images)


def augment(images: NDArray[np.uint8], settings: Augmentation, seed: int) -> NDArray[np.uint8]:
    """Give randomly changed copies of images (N, side, side, channels); `seed` decides all."""
    images = _by_pixels(images, settings, np.random.default_rng(seed))
    chosen = augmentation_layers(settings, seed)
    if not chosen:
        return images
    pipeline = keras.Sequential(chosen)
    result = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        changed = ops.convert_to_numpy(pipeline(chunk, training=True))
        result[start : start + _CHUNK] = rounded(changed)
    return result


def _by_pixels(
    images: NDArray[np.uint8], settings: Augmentation, generator: np.random.Generator
) -> NDArray[np.uint8]:
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
    if settings.flip_horizontal:
        chosen.append(layers.RandomFlip("horizontal", seed=seed))
    if settings.flip_vertical:
        chosen.append(layers.RandomFlip("vertical", seed=seed + 1))
    if settings.transpose:
        chosen.append(RandomTranspose(seed=seed + 2))
    return chosen + _affine_layers(settings, seed + 3) + _intensity_layers(settings, seed + 6)


def _affine_layers(settings: Augmentation, seed: int) -> list[layers.Layer]:
    if not settings.rotation:
        return []
    turn = settings.rotation / 360
    return [layers.RandomRotation(turn, fill_mode=settings.fill_mode, seed=seed)]


def _intensity_layers(settings: Augmentation, seed: int) -> list[layers.Layer]:
    chosen: list[layers.Layer] = []
    if settings.brightness:
        chosen.append(layers.RandomBrightness(settings.brightness, (0, 255), seed=seed))
    if settings.contrast:
        chosen.append(layers.RandomContrast(settings.contrast, (0, 255), seed=seed + 1))
    return chosen
