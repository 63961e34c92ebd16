"""What the builders have in common: where the pixels come in and where the classes come out."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

Tensor = Any


@dataclass(frozen=True)
class ImageSpec:
    """Shape of the input images; mean and variance per channel of the training pixels.

    A `size` of None leaves height and width open, which only networks that end in global pooling
    can take.
    """

    size: int | None
    channels: int
    mean: tuple[float, ...]
    variance: tuple[float, ...]


def pixel_input(spec: ImageSpec) -> Tensor:
    """Give the symbolic input, float32 pixels in 0–255."""
    return keras.Input((spec.size, spec.size, spec.channels), name="pixels")


def standardised(inputs: Tensor, spec: ImageSpec) -> Tensor:
    """Subtract the training pixels' mean and divide by their standard deviation, per channel."""
    return layers.Normalization(mean=spec.mean, variance=spec.variance, name="standardise")(inputs)


def pooled_classification(
    inputs: Tensor, features: Tensor, classes: int, dropout: float
) -> keras.Model:
    """Average feature maps over the image and classify what results."""
    features = layers.GlobalAveragePooling2D()(features)
    if dropout:
        features = layers.Dropout(dropout)(features)
    return classification(inputs, features, classes)


def classification(inputs: Tensor, features: Tensor, classes: int) -> keras.Model:
    """End a network on features (N, width): logits, then probabilities."""
    logits = layers.Dense(classes, name="logits")(features)
    return keras.Model(inputs, layers.Softmax(name="probabilities", dtype="float32")(logits))
