"""The "novel DNNs" of the original report: a few convolutions, then dense layers.

Where the report is silent, on filters and pooling, the plainest choice was taken: filters double
from layer to layer, and the resolution halves after each convolution.
"""

from collections.abc import Sequence

import keras
from keras import layers

from classifier.networks.architectures.shared import (
    ImageSpec,
    Tensor,
    classification,
    pixel_input,
    standardised,
)


def dnn_sigmoid(
    spec: ImageSpec,
    classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128),
    units: Sequence[int] = (786, 512),
    dropout: float = 0.0,
) -> keras.Model:
    """Three normalised convolutions and two dense layers, all with sigmoid activations."""
    inputs = pixel_input(spec)
    features = standardised(inputs, spec)
    for width in filters:
        features = layers.Conv2D(width, 3, padding="same")(features)
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.Activation("sigmoid")(features)
        features = layers.MaxPooling2D()(features)
    features = layers.Flatten()(features)
    for width in units:
        features = layers.Dense(width, activation="sigmoid")(features)
        features = _dropped(features, dropout)
    return classification(spec, features, classes)


def dnn_relu(
    spec: ImageSpec, classes: int, *, filters: int = 32, units: int = 100, dropout: float = 0.0
) -> keras.Model:
    """One convolution and one dense layer with rectifiers, on pixels scaled to 0–1."""
    inputs = pixel_input(spec)
    features = layers.Rescaling(1 / 255)(inputs)
    features = layers.Conv2D(filters, 3, activation="relu", kernel_initializer="he_normal")(
        features
    )
    features = layers.MaxPooling2D()(features)
    features = layers.Flatten()(features)
    features = layers.Dense(units, activation="relu", kernel_initializer="he_normal")(features)
    return classification(spec, _dropped(features, dropout), classes)


def dnn_regularised(
    spec: ImageSpec,
    classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128),
    units: Sequence[int] = (256, 128, 64),
    l2: float = 1e-4,
    momentum: float = 0.1,
    dropout: float = 0.0,
) -> keras.Model:
    """Three convolutions with L2 regularised kernels and three normalised dense layers.

    The report gives the batch normalisation a momentum of 0.1, so its statistics are nearly those
    of the last batch alone; averaging the weights over steps steadies them as well.
    """
    inputs = pixel_input(spec)
    features = standardised(inputs, spec)
    for width in filters:
        features = layers.Conv2D(
            width,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(l2),
        )(features)
        features = layers.MaxPooling2D()(features)
    features = layers.Flatten()(features)
    for width in units:
        features = layers.Dense(width, use_bias=False, kernel_initializer="he_normal")(features)
        features = layers.BatchNormalization(momentum=momentum)(features)
        features = _dropped(layers.ReLU()(features), dropout)
    return classification(spec, features, classes)


def _dropped(features: Tensor, rate: float) -> Tensor:
    return layers.Dropout(rate)(features) if rate else features
