"""Networks of keras.applications, with a classification head of ours and optional weights."""

import warnings

import keras
import numpy as np
from keras import layers

from classifier.networks.architectures.shared import (
    ImageSpec,
    Tensor,
    pixel_input,
    pooled_classification,
    standardised,
)

# Mean of ImageNet's pixels as blue, green, red: what VGG16 and ResNet50 of keras.applications
# were trained to have subtracted (keras/src/applications/imagenet_utils.py, mode "caffe").
_IMAGENET_BLUE_GREEN_RED = (103.939, 116.779, 123.68)
# The normalisation that ends a residual block of keras.applications' ResNet50.
_LAST_OF_BLOCK = "_3_bn"


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
    inputs = pixel_input(spec)
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    if spec.channels == 1:
        scaled = layers.Concatenate(name="grey_to_rgb")([scaled, scaled, scaled])
    # Keras warns that it takes the weights learned at 224 pixels, which is what is meant.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        base = keras.applications.MobileNetV2(
            input_tensor=scaled, alpha=alpha, include_top=False, weights=weights
        )
    if weights is not None:
        for layer in _normalisations(base):
            layer.trainable = False
    return pooled_classification(spec, base.output, classes, dropout)


def resnet50(
    spec: ImageSpec, classes: int, *, weights: str | None = None, dropout: float = 0.0
) -> keras.Model:
    """ResNet50 (He et al. 2016) of keras.applications; takes three channels.

    Without given weights the statistics of its batch normalisation follow ten times as fast as
    Keras' default has it, since an epoch here has few batches and its images may change in size.
    And each residual block starts as the identity, which makes the first epochs count: Goyal et
    al. 2017, "Accurate, large minibatch SGD", section 5.1.
    """
    inputs = pixel_input(spec)
    base = keras.applications.ResNet50(
        input_tensor=_prepared(inputs, spec, weights), include_top=False, weights=weights
    )
    if weights is None:
        for layer in _normalisations(base):
            layer.momentum = 0.9
            if layer.name.endswith(_LAST_OF_BLOCK):
                layer.gamma.assign(np.zeros(layer.gamma.shape))
    return pooled_classification(spec, base.output, classes, dropout)


def vgg16(
    spec: ImageSpec, classes: int, *, weights: str | None = None, dropout: float = 0.0
) -> keras.Model:
    """VGG16 (Simonyan and Zisserman 2015) of keras.applications; takes three channels.

    Without given weights its convolutions start as He et al. 2015 proposed, "Delving deep into
    rectifiers": with the default of Keras the signal shrinks by half every second layer, and
    thirteen layers without normalisation hardly begin to learn.
    """
    inputs = pixel_input(spec)
    base = keras.applications.VGG16(
        input_tensor=_prepared(inputs, spec, weights), include_top=False, weights=weights
    )
    if weights is None:
        initialise = keras.initializers.HeNormal()
        for layer in base.layers:
            if isinstance(layer, layers.Conv2D):
                layer.kernel.assign(initialise(layer.kernel.shape))
    return pooled_classification(spec, base.output, classes, dropout)


def _prepared(inputs: Tensor, spec: ImageSpec, weights: str | None) -> Tensor:
    """Bring the pixels to what given weights expect, else to zero mean and unit variance."""
    if weights is None:
        return standardised(inputs, spec)
    subtract = layers.Normalization(
        mean=_IMAGENET_BLUE_GREEN_RED, variance=(1.0, 1.0, 1.0), name="subtract_imagenet_mean"
    )
    return subtract(inputs[..., ::-1])


def _normalisations(network: keras.Model) -> list[layers.BatchNormalization]:
    return [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
