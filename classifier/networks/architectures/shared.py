"""What the builders have in common: where the pixels come in and where the classes come out."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import layers, ops

from classifier.networks.contract import LOGITS_LAYER, VIEWS_LAYER

Tensor = Any


@dataclass(frozen=True)
class ImageSpec:
    """Shape of the input images; mean and variance per channel of the training pixels.

    With 2 or 8 `symmetries` the network sees every image as its mirror image too, or in all those
    of the square; each of these at all `scales`, which say how much of the image's side is seen.
    It averages the logits.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    variance: tuple[float, ...]
    symmetries: int = 1
    scales: tuple[float, ...] = (1.0,)

    @property
    def views(self) -> int:
        """How many times the network sees an image."""
        return self.symmetries * len(self.scales)


def pixel_input(spec: ImageSpec) -> Tensor:
    """The symbolic input, float32 pixels in 0–255; of several views, one after another."""
    pixels = keras.Input((spec.size, spec.size, spec.channels), name="pixels")
    if spec.views == 1:
        return pixels
    scaled = [_scaled(pixels, scale, spec.size) for scale in spec.scales]
    views = [view for each in scaled for view in _symmetric(each, spec.symmetries)]
    return layers.Concatenate(axis=0, name=VIEWS_LAYER)(views)


def _scaled(pixels: Tensor, scale: float, size: int) -> Tensor:
    """From nearer, or from farther with mirrored surroundings: as `augmentation.zoomed` does."""
    margin = round(size * (scale - 1) / 2)
    if margin == 0:
        return pixels
    if margin < 0:
        seen = layers.Cropping2D(-margin)(pixels)
    else:
        seen = ops.pad(pixels, ((0, 0), (margin, margin), (margin, margin), (0, 0)), "symmetric")
    # Not layers.Resizing, which takes a call that does not say so for one in training.
    return ops.image.resize(seen, (size, size))


def _symmetric(pixels: Tensor, count: int) -> list[Tensor]:
    """Each halving of what is left to choose doubles the views: mirrored, upside down, transposed.

    The last takes square images.
    """
    seen = [pixels]
    for change in (
        partial(ops.flip, axis=2),
        partial(ops.flip, axis=1),
        partial(ops.transpose, axes=(0, 2, 1, 3)),
    )[: count.bit_length() - 1]:
        seen += [change(each) for each in seen]
    return seen


def standardised(inputs: Tensor, spec: ImageSpec) -> Tensor:
    """Subtract the training pixels' mean and divide by their standard deviation, per channel."""
    return layers.Normalization(mean=spec.mean, variance=spec.variance, name="standardise")(inputs)


def pooled_classification(
    spec: ImageSpec, features: Tensor, classes: int, dropout: float
) -> keras.Model:
    """Average feature maps over the image and classify what results."""
    features = layers.GlobalAveragePooling2D()(features)
    if dropout:
        features = layers.Dropout(dropout)(features)
    return classification(spec, features, classes)


def classification(spec: ImageSpec, features: Tensor, classes: int) -> keras.Model:
    """End a network on features (views x N, width): logits, then probabilities (N, classes)."""
    logits = layers.Dense(classes, name=LOGITS_LAYER, dtype="float32")(features)
    if spec.views > 1:
        logits = ops.mean(ops.reshape(logits, (spec.views, -1, classes)), axis=0)
    probabilities = layers.Softmax(name="probabilities", dtype="float32")(logits)
    [pixels] = keras.utils.get_source_inputs(features)
    return keras.Model(pixels, probabilities)
