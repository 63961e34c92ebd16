"""Small residual networks for images of some dozen pixels a side."""

from collections.abc import Sequence

import keras
from keras import layers

from classifier.networks.architectures.shared import (
    ImageSpec,
    Tensor,
    pixel_input,
    pooled_classification,
    standardised,
)


def compact_resnet(
    spec: ImageSpec,
    classes: int,
    *,
    widths: Sequence[int] = (32, 64, 128),
    blocks: Sequence[int] = (1, 1, 1),
    stem_stride: int = 1,
    dropout: float = 0.0,
) -> keras.Model:
    """Residual network of basic blocks; every stage after the first halves the resolution.

    He et al. 2016, "Deep residual learning for image recognition", section 4.2. A stage of zero
    blocks is left out; the first width is also that of the stem.
    """
    inputs = pixel_input(spec)
    features = standardised(inputs, spec)
    features = _convolution(features, widths[0], stride=stem_stride, activate=True)
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            features = _residual_block(features, width, stride)
    return pooled_classification(spec, features, classes, dropout)


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
