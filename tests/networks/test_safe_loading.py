"""Network files of any origin: what is loaded, and that nothing in them is run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from classifier.networks import safe_loading as loading
from classifier.networks.safe_loading import NetworkError, load_network


def small_network(*first: Any) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            *first,
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def saved(network: keras.Model, path: Path) -> Path:
    network.save(path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(NetworkError) as caught:
        load_network(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def images(count: int = 3) -> Any:
    return np.random.default_rng(0).uniform(0, 255, (count, 8, 8, 1)).astype(np.float32)


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_a_saved_network_gives_what_it_gave_before(tmp_path: Path, name: str) -> None:
    network = small_network()
    network.compile("adam", loss=lambda true, given: keras.ops.mean(true - given))
    loaded = load_network(saved(network, tmp_path / name))
    np.testing.assert_allclose(loaded(images()), network(images()), atol=1e-6)
    assert not loaded.compiled


def test_arithmetic_between_layers_is_taken(tmp_path: Path) -> None:
    pixels = keras.Input((8, 8, 1))
    scaled = keras.ops.clip(pixels / 255 - 0.5, -0.4, 0.4)[:, 1:-1]
    outputs = layers.Dense(2, activation=keras.activations.softmax)(layers.Flatten()(scaled))
    network = keras.Model(pixels, outputs)
    loaded = load_network(saved(network, tmp_path / "own.keras"))
    np.testing.assert_allclose(loaded(images()), network(images()), atol=1e-6)


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_a_lambda_is_refused_and_not_run(tmp_path: Path, name: str) -> None:
    marker = str(tmp_path / "was run")
    code = layers.Lambda(lambda x: (open(marker, "w").close(), x)[1])  # noqa: PTH123
    path = saved(small_network(code), tmp_path / name)
    Path(marker).unlink()
    assert "needs Lambda" in refusal(path)
    assert not Path(marker).exists()


class Doubling(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs * 2


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_a_layer_of_ones_own_is_refused_by_name(tmp_path: Path, name: str) -> None:
    assert "needs Doubling" in refusal(saved(small_network(Doubling()), tmp_path / name))


def reconfigured(path: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Change the configuration in an HDF5 file."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        edit(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        ({"class_name": "TFOpLambda", "config": {"function": "math.truediv"}}, "TFOpLambda"),
        ({"class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}}, "TFSMLayer"),  # noqa: S108
        (
            {
                "class_name": "Activation",
                "config": {
                    "activation": {
                        "class_name": "function",
                        "module": "keras.utils",
                        "config": "get_file",
                        "registered_name": "get_file",
                    }
                },
            },
            "get_file",
        ),
    ],
)
def test_no_configuration_reaches_code_by_another_way(
    tmp_path: Path, layer: dict[str, Any], named: str
) -> None:
    path = saved(small_network(), tmp_path / "own.h5")
    reconfigured(path, lambda config: config["config"]["layers"].insert(1, layer))
    assert f"needs {named}" in refusal(path)


def as_keras_2_wrote(config: dict[str, Any]) -> None:
    """A network below one's own layers, in the terms of a file that tf.keras 2.16 saved."""
    outer = config["config"]
    pixels, inner, dense = outer["layers"]
    for layer in (pixels, inner["config"]["layers"][0]):
        layer["config"]["batch_input_shape"] = layer["config"].pop("batch_shape")
        layer["config"].pop("optional", None)
    for network in (outer, inner["config"]):
        names = [layer["name"] for layer in network["layers"]]
        network["input_layers"] = [[names[0], 0, 0]]
        network["output_layers"] = [[names[-1], 0, 0]]
        for before, layer in zip(names, network["layers"][1:], strict=False):
            layer["inbound_nodes"] = [[[before, 0, 0, {}]]]
    dense["inbound_nodes"] = [[[inner["name"], 1, 0, {}]]]


def test_a_network_inside_another_is_read_as_keras_2_wrote_it(tmp_path: Path) -> None:
    base_input = keras.Input((8, 8, 1))
    base = keras.Model(base_input, layers.Flatten()(layers.Conv2D(4, 3)(base_input)))
    pixels = keras.Input((8, 8, 1))
    network = keras.Model(pixels, layers.Dense(2, activation="softmax")(base(pixels)))
    path = reconfigured(saved(network, tmp_path / "own.h5"), as_keras_2_wrote)
    np.testing.assert_allclose(load_network(path)(images()), network(images()), atol=1e-6)


def test_the_format_is_told_by_content(tmp_path: Path) -> None:
    path = saved(small_network(), tmp_path / "own.h5")
    assert load_network(path.rename(tmp_path / "own.keras")).count_params() > 0


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    path = saved(small_network(), tmp_path / name)
    path.write_bytes(path.read_bytes()[:-500])
    assert refusal(path).startswith(f"Keras cannot load {name}: ")


def test_damage_in_the_middle_is_found(tmp_path: Path) -> None:
    path = saved(small_network(), tmp_path / "own.keras")
    content = path.read_bytes()
    half = len(content) // 2
    changed = bytes(255 - byte for byte in content[half : half + 200])
    path.write_bytes(content[:half] + changed + content[half + 200 :])
    assert refusal(path) == "model.weights.h5 in the file is damaged."


@pytest.mark.parametrize("name", ["note.keras", "note.h5", "note.txt"])
@pytest.mark.parametrize("content", [b"", b"Not a network."])
def test_any_other_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert "neither a .keras archive nor an HDF5 file" in refusal(tmp_path / name)


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    small_network().save_weights(tmp_path / "own.weights.h5")
    assert "weights without a network" in refusal(tmp_path / "own.weights.h5")


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    assert f"no file {tmp_path / 'absent.h5'}" in refusal(tmp_path / "absent.h5")
    assert f"no file {tmp_path}" in refusal(tmp_path)


def test_a_file_that_no_server_could_hold_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.keras").open("wb") as stream:
        stream.truncate(loading.LARGEST_FILE + 1)
    assert "at most 2,048 are taken" in refusal(tmp_path / "huge.keras")
