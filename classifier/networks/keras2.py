"""Puts the configuration of a network that Keras 2 wrote into the terms of Keras 3.

Keras 3 reads such files itself, but for what is mended here. Only the configuration is changed, and
nothing but Keras's own layers and operations comes into it.
"""

from collections.abc import Container, Iterator
from itertools import chain
from typing import Any, Final

import keras

from classifier.networks.keras_functions import NETWORKS

# Layers that stand for a function of TensorFlow, such as in x / 255.
FUNCTION_LAYERS: Final = {"TFOpLambda", "SlicingOpLambda"}
# What Keras 3 has for these functions, all of one or two arguments.
_OPERATIONS: Final = {
    "__operators__.add": "numpy.Add",
    "__operators__.getitem": "numpy.GetItem",
    "math.add": "numpy.Add",
    "math.multiply": "numpy.Multiply",
    "math.sigmoid": "nn.Sigmoid",
    "math.subtract": "numpy.Subtract",
    "math.truediv": "numpy.TrueDivide",
    "nn.bias_add": "numpy.Add",
    "nn.relu": "nn.Relu",
    "nn.relu6": "nn.Relu6",
    "nn.sigmoid": "nn.Sigmoid",
}
_SECOND_ARGUMENTS: Final = ("y", "bias", "value", "slice_spec")
# In x[..., ::-1], which makes BGR of RGB.
_REVERSED: Final = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
# Stands for the name of a layer where the first argument is a number.
_CONSTANT: Final = "_CONSTANT_VALUE"


def modernise(network: dict[str, Any]) -> None:
    """Change the configuration of a network, and of those inside it, in place."""
    content = network["config"]
    # The oldest releases wrote a Sequential as a list.
    layers = content if isinstance(content, list) else content["layers"]
    for layer in layers:
        if layer["class_name"] in NETWORKS:
            modernise(layer)
        else:
            _modernise_settings(layer["config"], is_separable="Separable" in layer["class_name"])
    if network["class_name"] == "Sequential":
        _put_input_first(layers)
    if "output_layers" in content:
        _modernise_calls(content)


def name_operations(network: dict[str, Any]) -> None:
    """Say where the operations between layers come from, which Keras 3 leaves out of HDF5 files.

    Without it Keras cannot load what it wrote, nor x[..., 0], which becomes another operation. In
    place.
    """
    for layer in network["config"]["layers"]:
        name, settings = layer["class_name"], layer["config"]
        if name in NETWORKS:
            name_operations(layer)
        # Only layers have this setting, also those that are called like an operation.
        elif "trainable" not in settings:
            if name == "GetItem":
                name = layer["class_name"] = _take_channels(layer)
            for module in (keras.src.ops.numpy, keras.src.ops.nn):
                found = getattr(module, name, None)
                if isinstance(found, type) and issubclass(found, keras.Operation):
                    layer |= {"module": module.__name__, "registered_name": name}


def _take_channels(layer: dict[str, Any]) -> str:
    """Make a GetItem one Take where it takes a channel each time; returns the name it then has."""
    nodes = layer["inbound_nodes"]
    for node in nodes:
        match node["args"]:
            case [_, [{"class_name": "__ellipsis__"}, int()]]:
                continue
        return "GetItem"
    for node in nodes:
        node["args"][1] = node["args"][1][1]
    layer["config"]["axis"] = -1
    return "Take"


def differences(config: Any) -> set[str]:
    """What Keras 3 would take from a modernised configuration, but compute otherwise."""
    if isinstance(config, list):
        return set().union(*map(differences, config))
    if not isinstance(config, dict):
        return set()
    found = differences([*config.values()])
    if "hard_sigmoid" in (config.get("activation"), config.get("recurrent_activation")):
        found.add("Keras 2's hard_sigmoid")
    # Of these Keras 3 keeps none.
    if isinstance(config.get("axis"), list) and config.get("name"):
        found.add(f"several axes in {config['name']}")
    return found


def _modernise_settings(settings: dict[str, Any], *, is_separable: bool) -> None:
    # Keras 2 wrote these for layers too that have no groups, or two kernels with settings of their
    # own.
    if settings.get("groups") == 1:
        del settings["groups"]
    if is_separable:
        for key in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            settings.pop(key, None)
    match settings:
        case {"axis": [axis]}:
            settings["axis"] = axis
    match settings:
        case {"dtype": {"class_name": "Policy", "config": {"name": policy}}}:
            settings["dtype"] = policy


def _modernise_calls(network: dict[str, Any]) -> None:
    """Of the layers of a network, by each other, which a Sequential does not say."""
    _renumber_calls(network)
    _rename_layers(network)
    for layer in network["layers"]:
        if layer["class_name"] in FUNCTION_LAYERS:
            _replace_by_operation(layer)
    for key in ("input_layers", "output_layers"):
        # Keras 3 takes a list of one to mean that the network takes or gives lists.
        if len(network[key]) == 1:
            [network[key]] = network[key]


def _put_input_first(layers: list[dict[str, Any]]) -> None:
    """Keras 2 could have the shape of the input in the first layer, and in that alone."""
    given = [layer["config"] for layer in layers if layer["class_name"] != "InputLayer"]
    shapes = [settings.pop("batch_input_shape", None) for settings in given]
    if len(given) == len(layers) and shapes and shapes[0]:
        settings = {"batch_input_shape": shapes[0], "name": f"{given[0]['name']}_input"}
        layers.insert(0, {"class_name": "InputLayer", "config": settings})


def _renumber_calls(network: dict[str, Any]) -> None:
    """Count the calls of a network inside: Keras 2 counted the making of it as the first."""
    inner = {layer["name"]: layer["class_name"] for layer in network["layers"] if _is_made(layer)}
    nodes = [layer["inbound_nodes"] for layer in network["layers"]]
    for call in _calls(nodes, inner):
        call[1] -= 1
    for call in _calls(network["output_layers"], inner):
        # Of the others Keras 3 knows it here.
        if inner[call[0]] == "Sequential":
            call[1] -= 1


def _is_made(layer: dict[str, Any]) -> bool:
    """Whether it is a network that has an input of its own."""
    match layer:
        case {"config": {"layers": [{"class_name": "InputLayer"}, *_]}}:
            return True
    return False


def _rename_layers(network: dict[str, Any]) -> None:
    """Write the "/" in names as "_": Keras 3 does not take it."""
    layers = {layer["name"]: layer for layer in network["layers"]}
    renamed: dict[str, str] = {}
    for name in (name for name in layers if "/" in name):
        new = name.replace("/", "_")
        while new in layers or new in renamed.values():
            new += "_"
        renamed[name] = layers[name]["name"] = layers[name]["config"]["name"] = new
    nodes = [layer["inbound_nodes"] for layer in network["layers"]]
    for call in _calls([nodes, network["output_layers"], network["input_layers"]], renamed):
        call[0] = renamed[call[0]]


def _calls(value: Any, names: Container[str]) -> Iterator[list[Any]]:
    """Every mention of an output of the named layers: name, number of the call, and so on."""
    match value:
        case [str(name), int(), *_] if name in names:
            yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    yield from chain.from_iterable(_calls(item, names) for item in items)


def _replace_by_operation(layer: dict[str, Any]) -> None:
    """One that cannot be replaced stays, and is then refused."""
    operation = _OPERATIONS.get(layer["config"].get("function"))
    if operation is None:
        return
    settings = {"name": layer["config"]["name"]}
    if all(node[3].get("slice_spec") == _REVERSED for node in layer["inbound_nodes"]):
        operation, settings["axis"] = "numpy.Flip", -1
        for node in layer["inbound_nodes"]:
            del node[3]["slice_spec"]
    nodes = []
    for name, call, first, keywords in layer["inbound_nodes"]:
        given = {key: keywords[key] for key in keywords if keywords[key] not in (None, "NHWC")}
        if len(given) > 1 or not given.keys() <= {*_SECOND_ARGUMENTS}:
            return
        arguments = [first if name == _CONSTANT else [name, call, first], *given.values()]
        nodes.append({"args": [_argument(each) for each in arguments], "kwargs": {}})
    module, _, class_name = operation.partition(".")
    layer |= {
        "module": f"keras.src.ops.{module}",
        "class_name": class_name,
        "registered_name": class_name,
        "config": settings,
        "inbound_nodes": nodes,
    }


def _argument(value: Any) -> Any:
    match value:
        case [str(), int(), int(), *_]:
            # Keras looks at the history alone.
            tensor = {"shape": [], "dtype": "float32", "keras_history": value[:3]}
            return {"class_name": "__keras_tensor__", "config": tensor}
        case {"start": _, "stop": _, "step": _}:
            return {"class_name": "__slice__", "config": value}
        case [float() | int(), *_]:
            return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}
        case [*items]:
            return {"class_name": "__tuple__", "items": [_argument(item) for item in items]}
    return value
