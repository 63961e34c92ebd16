"""Network files of any origin: what is loaded, and that nothing in them is run."""

import json
import zipfile
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


def colours() -> Any:
    return np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)


def ended(features: Any) -> Any:
    """A small network, with weights that tell channels apart, behind some features."""
    convolution = layers.Conv2D(4, 3, kernel_initializer="glorot_uniform")
    pooled = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(convolution(features)))
    return layers.Dense(2, activation="softmax")(pooled)


FAMILIES = ["resnet50", "mobilenet_v2", "densenet", "efficientnet"]


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
@pytest.mark.parametrize("family", FAMILIES)
def test_images_may_be_prepared_as_keras_does(tmp_path: Path, family: str, name: str) -> None:
    pixels = keras.Input((8, 8, 3))
    prepared = getattr(keras.applications, family).preprocess_input(pixels)
    network = keras.Model(pixels, ended(prepared))
    loaded = load_network(saved(network, tmp_path / name))
    np.testing.assert_allclose(loaded(colours()), network(colours()), atol=1e-6)


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_lambda_may_name_what_keras_has(tmp_path: Path, family: str, name: str) -> None:
    pixels = keras.Input((8, 8, 3))
    prepare = layers.Lambda(getattr(keras.applications, family).preprocess_input)
    inner = keras.Model(pixels, layers.ReLU()(pixels))
    network = keras.Model(pixels, ended(inner(prepare(pixels))))
    path = saved(network, tmp_path / name)
    assert "does not say of which networks" in refusal(path)
    loaded = load_network(path, preprocess_input=family)
    np.testing.assert_allclose(loaded(colours()), network(colours()), atol=1e-6)
    again = load_network(saved(loaded, tmp_path / "again.keras"))
    np.testing.assert_allclose(again(colours()), network(colours()), atol=1e-6)


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_the_first_of_a_sequence_may_prepare_the_images(tmp_path: Path, name: str) -> None:
    prepare = layers.Lambda(keras.applications.resnet50.preprocess_input)
    pixels = keras.Input((8, 8, 3))
    rest = keras.Model(pixels, ended(pixels))
    network = keras.Sequential([keras.Input((8, 8, 3)), prepare, rest])
    path = saved(network, tmp_path / name)
    loaded = load_network(path, preprocess_input="resnet50")
    np.testing.assert_allclose(loaded(colours()), network(colours()), atol=1e-6)
    assert loaded.input_shape == (None, 8, 8, 3)


def test_only_what_keras_has_can_be_named(tmp_path: Path) -> None:
    path = saved(small_network(), tmp_path / "own.keras")
    with pytest.raises(NetworkError, match=r"no keras\.applications\.os\."):
        load_network(path, preprocess_input="os")


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
        (
            {"class_name": "TFOpLambda", "config": {"function": "image.resize"}},
            "TFOpLambda (image.resize)",
        ),
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


def written_by_keras_2(network: keras.Model, path: Path, **functions: dict[str, Any]) -> Path:
    """Save a functional network in the terms of a file that tf.keras 2.15 saved.

    `functions` are layers to write otherwise, by their names: as calls of functions of TensorFlow.
    """
    network.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
        config = json.loads(file.attrs["model_config"])
        as_keras_2_wrote(config, functions)
        file.attrs["model_config"] = json.dumps(config)
    return path


def as_keras_2_wrote(config: dict[str, Any], functions: dict[str, dict[str, Any]]) -> None:
    content = config["config"]
    inner = [layer["name"] for layer in content["layers"] if "layers" in layer["config"]]
    for layer in content["layers"]:
        for key in ("module", "registered_name", "build_config"):
            layer.pop(key, None)
        tensors = [
            argument["config"]["keras_history"]
            for node in layer["inbound_nodes"]
            for argument in listed(node["args"][0])
        ]
        calls = [[name, call + (name in inner), output, {}] for name, call, output in tensors]
        layer["inbound_nodes"] = [calls] if calls else []
        if "layers" in layer["config"]:
            as_keras_2_wrote(layer, functions)
            continue
        settings_as_keras_2_wrote(layer)
        if layer["name"] in functions:
            keywords = functions[layer["name"]]["keywords"]
            layer["class_name"] = "TFOpLambda"
            layer["config"] = {"name": layer["name"], **functions[layer["name"]]["config"]}
            layer["inbound_nodes"] = [[*calls[0][:3], keywords]]
    for key in ("input_layers", "output_layers"):
        # Here Keras 3 counts the making of a network inside as Keras 2 did.
        content[key] = [content[key]]


def settings_as_keras_2_wrote(layer: dict[str, Any]) -> None:
    settings = layer["config"]
    settings["dtype"] = {"class_name": "Policy", "config": {"name": "float32"}}
    if layer["class_name"] == "InputLayer":
        settings["batch_input_shape"] = settings.pop("batch_shape")
        settings.pop("optional", None)
    if layer["class_name"] == "DepthwiseConv2D":
        settings["groups"] = 1
    if layer["class_name"] == "BatchNormalization":
        settings["axis"] = [3]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def renamed(path: Path, old: str, new: str) -> Path:
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace(f'"{old}"', f'"{new}"')
    return path


def nested_network() -> keras.Model:
    """A transfer network in small: another network within it, frozen, with all that it may have."""
    pixels = keras.Input((8, 8, 1))
    normalised = layers.Normalization(name="normalise")
    normalised.adapt(images())
    features = layers.Conv2D(4, 3, name="conv_first")(normalised(pixels))
    features = layers.BatchNormalization(name="bn")(layers.DepthwiseConv2D(3)(features))
    base = keras.Model(pixels, layers.Flatten()(features), name="base")
    base.trainable = False
    outer = keras.Input((8, 8, 1))
    scaled = layers.Rescaling(1 / 127.5, name="scaled")(outer)
    network = keras.Model(outer, layers.Dense(2, activation="softmax")(base(scaled)))
    generator = np.random.default_rng(1)
    for weights in network.weights:
        if weights.dtype == "float32":
            weights.assign(generator.uniform(0.1, 1, weights.shape))
    normalised.finalize_state()
    return network


def test_a_transfer_network_is_read_as_keras_2_wrote_it(tmp_path: Path) -> None:
    network = nested_network()
    path = renamed(written_by_keras_2(network, tmp_path / "own.h5"), "conv_first", "conv/first")
    loaded = load_network(path)
    np.testing.assert_allclose(loaded(images()), network(images()), atol=1e-6)
    kept = load_network(saved(loaded, tmp_path / "own.keras"))
    np.testing.assert_allclose(kept(images()), network(images()), atol=1e-6)


def test_a_name_that_is_taken_is_not_given_twice(tmp_path: Path) -> None:
    network = nested_network()
    path = written_by_keras_2(network, tmp_path / "own.h5")
    path = renamed(renamed(path, "bn", "a/b"), "conv_first", "a_b")
    np.testing.assert_allclose(load_network(path)(images()), network(images()), atol=1e-6)


def test_a_network_may_end_with_another(tmp_path: Path) -> None:
    start = keras.Input((8, 8, 1))
    inner = keras.Model(start, layers.Dense(2)(layers.Flatten()(start)))
    pixels = keras.Input((8, 8, 1))
    network = keras.Model(pixels, inner(layers.Rescaling(1 / 255)(pixels)))
    path = tmp_path / "own.h5"
    np.testing.assert_allclose(
        load_network(written_by_keras_2(network, path))(images()), network(images()), atol=1e-6
    )


def test_channels_are_reversed_as_keras_2_did(tmp_path: Path) -> None:
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, ended(layers.Rescaling(1, name="scaled")(pixels)))
    spec = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
    layer = {"config": {"function": "__operators__.getitem"}, "keywords": {"slice_spec": spec}}
    path = written_by_keras_2(network, tmp_path / "own.h5", scaled=layer)
    expected = network(colours()[..., ::-1])
    np.testing.assert_allclose(load_network(path)(colours()), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "keywords", "expected"),
    [
        ("math.truediv", {"y": 127.5, "name": None}, lambda x: x / 127.5),
        ("math.subtract", {"y": [100.0], "name": None}, lambda x: x - 100),
        ("nn.bias_add", {"bias": [-100.0], "data_format": "NHWC"}, lambda x: x - 100),
        ("__operators__.add", {"y": 3.0, "name": None}, lambda x: x + 3),
        ("nn.relu6", {"name": None}, lambda x: np.clip(x, 0, 6)),
    ],
)
def test_arithmetic_of_keras_2_is_taken(
    tmp_path: Path, function: str, keywords: dict[str, Any], expected: Callable[[Any], Any]
) -> None:
    network = nested_network()
    after = keras.Model(network.layers[2].input, network.layers[3](network.layers[2].output))
    layer = {"config": {"function": function}, "keywords": keywords}
    path = written_by_keras_2(network, tmp_path / "own.h5", scaled=layer)
    np.testing.assert_allclose(
        load_network(path)(images()), after(expected(images())), rtol=1e-4, atol=1e-6
    )


def test_a_function_that_keras_3_has_not_is_named(tmp_path: Path) -> None:
    layer = {"config": {"function": "image.resize"}, "keywords": {"size": [4, 4]}}
    path = written_by_keras_2(nested_network(), tmp_path / "own.h5", scaled=layer)
    assert "needs TFOpLambda (image.resize)" in refusal(path)


def hard_sigmoid_of_keras_2(values: Any) -> Any:
    return keras.ops.clip(0.2 * values + 0.5, 0, 1)


@pytest.mark.parametrize("inside", [False, True])
def test_the_hard_sigmoid_is_that_of_keras_2(tmp_path: Path, inside: bool) -> None:
    def network(hard: Any) -> keras.Model:
        keras.utils.set_random_seed(1)
        pixels = keras.Input((8, 8, 1))
        scaled = layers.Rescaling(1 / 100)(pixels)
        first = layers.Conv2D(4, 3, activation=hard, name="first")(scaled)
        second = layers.Activation(hard, name="second")(layers.Flatten()(first))
        made = keras.Model(pixels, layers.Dense(2)(second))
        return keras.Model(pixels, made(pixels)) if inside else made

    path = written_by_keras_2(network("hard_sigmoid"), tmp_path / "own.h5")
    expected = network(hard_sigmoid_of_keras_2)(images())
    np.testing.assert_allclose(load_network(path)(images()), expected, atol=1e-5)


def test_what_keras_3_computes_otherwise_is_refused(tmp_path: Path) -> None:
    pixels = keras.Input((8, 8, 1))
    rows = layers.Reshape((8, 8))(pixels)
    network = keras.Model(pixels, layers.LSTM(2, recurrent_activation="hard_sigmoid")(rows))
    path = written_by_keras_2(network, tmp_path / "own.h5")
    assert "has Keras 2's hard_sigmoid, of which Keras 3 makes something else" in refusal(path)


def test_a_function_of_keras_is_told_by_its_module_and_not_run(tmp_path: Path) -> None:
    network = nested_network()
    after = keras.Model(network.layers[2].input, network.layers[3](network.layers[2].output))
    code = {"function": ["4wEAAAA=", None, None], "module": "keras.applications.mobilenet_v2"}
    path = written_by_keras_2(network, tmp_path / "own.h5", scaled={"config": code, "keywords": {}})
    renamed(path, "TFOpLambda", "Lambda")

    def as_of_a_layer(config: dict[str, Any]) -> None:
        [scaled] = [each for each in config["config"]["layers"] if each["name"] == "scaled"]
        scaled["inbound_nodes"] = [scaled["inbound_nodes"]]

    reconfigured(path, as_of_a_layer)
    np.testing.assert_allclose(
        load_network(path)(images()), after(images() / 127.5 - 1), rtol=1e-4, atol=1e-6
    )


def test_a_lambda_of_keras_2_is_refused_and_not_run(tmp_path: Path) -> None:
    layer = {"config": {"function": ["4wEAAAA=", None, None]}, "keywords": {}}
    path = written_by_keras_2(nested_network(), tmp_path / "own.h5", scaled=layer)
    renamed(path, "TFOpLambda", "Lambda")
    assert "needs Lambda" in refusal(path)


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


def test_a_keras_archive_of_keras_2_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("config.json", "{}")
    assert "this is a .keras file of Keras 2.15.0" in refusal(path)


def test_networks_of_other_programs_are_named_with_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    assert "saved is a SavedModel folder of TensorFlow" in refusal(folder)
    assert "model.save('own.h5')" in refusal(folder)
    with zipfile.ZipFile(tmp_path / "weights.bin", "w") as archive:
        archive.writestr("weights/data.pkl", b"")
    (tmp_path / "old.pth").write_bytes(b"\x80\x02")
    for name in ("weights.bin", "old.pth"):
        assert f"{name} is a file of PyTorch" in refusal(tmp_path / name)
    (tmp_path / "own.onnx").write_bytes(b"\x08\x07")
    assert "converted from another program's" in refusal(tmp_path / "own.onnx")


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
