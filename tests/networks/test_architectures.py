"""Properties of the networks that a recipe's test of shapes does not show."""

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.special import softmax

from classifier.networks.architectures import ARCHITECTURES, ImageSpec
from classifier.networks.contract import feature_groups, feature_layers, with_features

REPORTED_LAYERS = {
    "dnn_sigmoid": {"Conv2D": 3, "BatchNormalization": 3, "Dense": 3},
    "dnn_relu": {"Conv2D": 1, "MaxPooling2D": 1, "Dense": 2},
    "dnn_regularised": {"Conv2D": 3, "BatchNormalization": 3, "Dense": 4},
    "resnet50": {"Conv2D": 53},
    "vgg16": {"Conv2D": 13},
}


def spec(size: int = 32, symmetries: int = 1, scales: tuple[float, ...] = (1.0,)) -> ImageSpec:
    return ImageSpec(size, 3, (127.5,) * 3, (64.0**2,) * 3, symmetries, scales)


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


def test_the_blocks_of_resnet50_start_as_the_identity() -> None:
    network = ARCHITECTURES["resnet50"](spec(), 8)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    ends = ["conv3_block2_out", "conv3_block4_out"]
    before, after = keras.Model(network.inputs, [network.get_layer(end).output for end in ends])(
        pixels
    )
    np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


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


@pytest.mark.parametrize("architecture", ["compact_resnet", "dnn_relu", "mobilenet_v2"])
def test_views_average_over_the_symmetries(architecture: str, tmp_path: Path) -> None:
    one = ARCHITECTURES[architecture](spec(), 8)
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    turned = [np.rot90(pixels, turn, axes=(1, 2)) for turn in range(4)]
    for count, seen in {2: [pixels, pixels[:, :, ::-1]], 8: [*turned, *np.flip(turned, 2)]}.items():
        ARCHITECTURES[architecture](spec(symmetries=count), 8).save(tmp_path / "views.keras")
        network = keras.models.load_model(tmp_path / "views.keras")
        network.set_weights(one.get_weights())
        _assert_views_are_averaged(network, one, pixels, seen)


def test_views_show_less_and_more_of_an_image(tmp_path: Path) -> None:
    one = ARCHITECTURES["compact_resnet"](spec(), 8)
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    scales = (0.75, 1.0, 1.25)
    built = ARCHITECTURES["compact_resnet"](spec(symmetries=2, scales=scales), 8)
    built.save(tmp_path / "views.keras")
    network = keras.models.load_model(tmp_path / "views.keras")
    network.set_weights(one.get_weights())
    around = np.pad(pixels, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="symmetric")
    resized = [
        np.asarray(keras.ops.image.resize(each, (32, 32)))
        for each in (pixels[:, 4:-4, 4:-4], pixels, around)
    ]
    seen = [view for each in resized for view in (each, each[:, :, ::-1])]
    _assert_views_are_averaged(network, one, pixels, seen)


def _assert_views_are_averaged(
    network: keras.Model, one: keras.Model, pixels: np.ndarray, seen: list[np.ndarray]
) -> None:
    logits = keras.Model(one.inputs, one.get_layer("logits").output)
    mean = np.mean([np.asarray(logits(each)) for each in seen], axis=0)
    np.testing.assert_allclose(np.asarray(network(pixels)), softmax(mean, axis=1), atol=1e-5)
    layers = feature_layers(one)
    parts = [np.asarray(with_features(one, layers)(each)[1]) for each in seen]
    _, features = with_features(network, feature_layers(network))(pixels)
    np.testing.assert_allclose(np.asarray(features), np.mean(parts, axis=0), atol=1e-3, rtol=1e-3)


def test_a_network_with_views_gives_its_features_in_a_process_of_its_own(tmp_path: Path) -> None:
    ARCHITECTURES["compact_resnet"](spec(symmetries=8), 8).save(tmp_path / "views.keras")
    keras.backend.clear_session()  # names are given out from the beginning, as in a new process
    network = keras.models.load_model(tmp_path / "views.keras")
    layers = feature_layers(network)
    _, features = with_features(network, layers)(np.zeros((2, 32, 32, 3), np.float32))
    assert features.shape == (2, sum(feature_groups(network, layers)))
