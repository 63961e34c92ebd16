"""Network architectures, each one builder function from pixels to class probabilities.

A builder takes an `ImageSpec`, the number of classes and options of its own, and gives a functional
Keras model of stock layers only. Its input is float32 pixels (N, size, size, channels) in 0–255;
its last two layers are "logits" (N, classes) and "probabilities", the softmax of them.
"""

from collections.abc import Callable

import keras

from classifier.networks.architectures.applications import mobilenet_v2, resnet50, vgg16
from classifier.networks.architectures.plain import dnn_regularised, dnn_relu, dnn_sigmoid
from classifier.networks.architectures.residual import compact_resnet
from classifier.networks.architectures.shared import ImageSpec

__all__ = ["ARCHITECTURES", "Builder", "ImageSpec"]

Builder = Callable[..., keras.Model]

ARCHITECTURES: dict[str, Builder] = {
    "compact_resnet": compact_resnet,
    "dnn_regularised": dnn_regularised,
    "dnn_relu": dnn_relu,
    "dnn_sigmoid": dnn_sigmoid,
    "mobilenet_v2": mobilenet_v2,
    "resnet50": resnet50,
    "vgg16": vgg16,
}
