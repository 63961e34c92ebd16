"""Network architectures, each one builder function from pixels to class probabilities.

A builder takes an `ImageSpec`, the number of classes and options of its own, and gives a functional
Keras model of stock layers only. Its input is float32 pixels (N, size, size, channels) in 0–255;
its last two layers are "logits" (N, classes) and "probabilities", the softmax of them.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

Tensor = Any
Builder = Callable[..., keras.Model]


@dataclass(frozen=True)
class ImageSpec:
    """Shape of the input images; mean and variance per channel of the training pixels."""

    size: int
    channels: int
    mean: tuple[float, ...]
    variance: tuple[float, ...]


def compact_resnet(
    spec: ImageSpec,
    classes: int,
    *,
    widths: Sequence[int] = (32, 64, 128),
    blocks: Sequence[int] = (1, 1, 1),
    dropout: float = 0.0,
) -> keras.Model:
    """Residual network of basic blocks; every stage after the first halves the resolution.

    He et al. 2016, "Deep residual learning for image recognition", section 4.2. A stage of zero
    blocks is left out; the first width is also that of the stem.
    """
    inputs, features = _standardised_input(spec)
    features = _convolution(features, widths[0], activate=True)
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            features = _residual_block(features, width, stride)
    return _classification_head(inputs, features, classes, dropout)


def mobilenet_v2(
    spec: ImageSpec,
    classes: int,
    *,
    alpha: float = 0.35,
    weights: str | None = None,
    dropout: float = 0.2,
) -> keras.Model:
    """MobileNetV2 (Sandler et al. 2018) of keras.applications, optionally with ImageNet weights.

    With ImageNet weights the batch normalisation layers stay as they were learned: small datasets
    give poorer statistics than the ones that come with the weights.
    """
    inputs = keras.Input((spec.size, spec.size, spec.channels), name="pixels")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    if spec.channels == 1:
        scaled = layers.Concatenate(name="grey_to_rgb")([scaled, scaled, scaled])
    # Keras warns that it takes the weights learned at 224 pixels, which is what is meant.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        base = keras.applications.MobileNetV2(
            input_tensor=scaled, alpha=alpha, include_top=False, weights=weights
        )
    if weights is not None:
        _freeze_batch_normalisation(base)
    return _classification_head(inputs, base.output, classes, dropout)


def _freeze_batch_normalisation(network: keras.Model) -> None:
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _standardised_input(spec: ImageSpec) -> tuple[Tensor, Tensor]:
    inputs = keras.Input((spec.size, spec.size, spec.channels), name="pixels")
    standardise = layers.Normalization(mean=spec.mean, variance=spec.variance, name="standardise")
    return inputs, standardise(inputs)


def _convolution(
    features: Tensor, width: int, *, size: int = 3, stride: int = 1, activate: bool
) -> Tensor:
    features = layers.Conv2D(
        width,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(features)
    features = layers.BatchNormalization(momentum=0.9)(features)
    return layers.ReLU()(features) if activate else features


def _residual_block(features: Tensor, width: int, stride: int) -> Tensor:
    residual = _convolution(features, width, stride=stride, activate=True)
    residual = _convolution(residual, width, activate=False)
    if stride != 1 or features.shape[-1] != width:
        features = _convolution(features, width, size=1, stride=stride, activate=False)
    return layers.ReLU()(layers.Add()([features, residual]))


def _classification_head(
    inputs: Tensor, features: Tensor, classes: int, dropout: float
) -> keras.Model:
    features = layers.GlobalAveragePooling2D()(features)
    if dropout:
        features = layers.Dropout(dropout)(features)
    logits = layers.Dense(classes, name="logits")(features)
    return keras.Model(inputs, layers.Softmax(name="probabilities", dtype="float32")(logits))


ARCHITECTURES: dict[str, Builder] = {
    "compact_resnet": compact_resnet,
    "mobilenet_v2": mobilenet_v2,
}
