"""Properties of the networks that a recipe's test of shapes does not show."""

import keras
import numpy as np
import pytest

from classifier.training.architectures import ARCHITECTURES, ImageSpec

REPORTED_LAYERS = {
    "dnn_sigmoid": {"Conv2D": 3, "BatchNormalization": 3, "Dense": 3},
    "dnn_relu": {"Conv2D": 1, "MaxPooling2D": 1, "Dense": 2},
    "dnn_regularised": {"Conv2D": 3, "BatchNormalization": 3, "Dense": 4},
    "resnet50": {"Conv2D": 53},
    "vgg16": {"Conv2D": 13},
}


def spec(size: int | None = 32) -> ImageSpec:
    return ImageSpec(size, 3, (127.5,) * 3, (64.0**2,) * 3)


def count_layers(network: keras.Model, kind: str) -> int:
    return sum(type(layer).__name__ == kind for layer in network.layers)


@pytest.mark.parametrize("architecture", REPORTED_LAYERS)
def test_the_networks_of_the_report_have_its_layers(architecture: str) -> None:
    network = ARCHITECTURES[architecture](spec(), 8)
    for kind, expected in REPORTED_LAYERS[architecture].items():
        assert count_layers(network, kind) == expected, kind


def test_the_sigmoid_network_has_no_other_activation_but_its_output() -> None:
    network = ARCHITECTURES["dnn_sigmoid"](spec(), 8)
    activations = {
        keras.activations.serialize(layer.activation)
        for layer in network.layers
        if getattr(layer, "activation", None) is not None and layer.name != "logits"
    }
    assert activations - {"linear"} == {"sigmoid"}
    assert [units.units for units in network.layers if isinstance(units, keras.layers.Dense)] == [
        786,
        512,
        8,
    ]


def test_the_signal_survives_the_thirteen_layers_of_vgg16() -> None:
    keras.utils.set_random_seed(1)
    network = ARCHITECTURES["vgg16"](spec(), 2)
    features = keras.Model(network.inputs, network.get_layer("logits").input)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.float32)
    assert 0.1 < float(np.std(np.asarray(features(pixels)))) < 10


@pytest.mark.parametrize("architecture", ["resnet50", "vgg16"])
def test_imagenet_weights_get_the_pixels_they_were_trained_on(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights cannot be had offline, so the network is built without them."""
    name = {"resnet50": "ResNet50", "vgg16": "VGG16"}[architecture]
    build = getattr(keras.applications, name)
    monkeypatch.setattr(
        keras.applications, name, lambda **options: build(**(options | {"weights": None}))
    )
    network = ARCHITECTURES[architecture](spec(), 8, weights="imagenet")
    prepare = keras.Model(network.inputs, network.get_layer("subtract_imagenet_mean").output)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = keras.applications.resnet50.preprocess_input(pixels.copy())
    np.testing.assert_allclose(np.asarray(prepare(pixels)), expected, atol=1e-3)


@pytest.mark.parametrize("architecture", ["compact_resnet", "resnet50", "mobilenet_v2", "vgg16"])
def test_networks_with_global_pooling_take_any_size(architecture: str) -> None:
    network = ARCHITECTURES[architecture](spec(size=None), 8)
    for side in (32, 40):
        assert network(np.zeros((1, side, side, 3), np.float32)).shape == (1, 8)
