"""Functions of Keras that a file names, or holds as code, put in from Keras itself.

Nothing in the file is run. A layer that stands for such a function is loaded as one that passes on
what it gets, and what Keras has by that name comes behind it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import keras

Steps: TypeAlias = dict[str, Callable[[Any], Any]]

NETWORKS: Final = {"Functional", "Model", "Sequential"}
# The module of a function that Keras 2 wrote as code, such as keras.src.applications.resnet; each
# of these has one function that takes images: its preprocess_input.
_APPLICATION: Final = re.compile(r"[\w.]*keras[\w.]*\.applications\.(\w+)")
# Their activation comes last, not between the steps of a sequence.
_ACTIVATED: Final = re.compile(r"Activation|Dense|\w*Conv[123]D(Transpose)?")


def has_preprocess_input(name: str) -> bool:
    """Whether Keras has networks of this name, whose images are prepared in a way of their own."""
    return hasattr(getattr(keras.applications, name, None), "preprocess_input")


def names_preprocess_input(layer: dict[str, Any]) -> bool:
    """Whether it is a Lambda as Keras 3 writes it, by which nobody knows whose function it is."""
    match layer:
        case {"class_name": "Lambda", "config": {"function": {"config": "preprocess_input"}}}:
            return True
    return False


def take_out(config: dict[str, Any], preprocess_input: str, *, is_keras_2: bool) -> Steps:
    """Change the configuration of a network in place.

    Args:
        preprocess_input: whose function is meant where the file does not say; empty for unknown.

    Returns:
        What has to come behind layers, by their names.
    """
    steps: Steps = {}
    layers = list(_layers(config))
    names = Counter(layer["config"].get("name") for layer in layers)
    for layer in layers:
        settings = layer["config"]
        name = settings.get("name")
        if names[name] > 1:
            continue
        if layer["class_name"] == "Lambda":
            application = _application(layer, preprocess_input)
            if has_preprocess_input(application) and not settings.get("arguments"):
                steps[name] = getattr(keras.applications, application).preprocess_input
                _pass_on(layer)
        elif (
            is_keras_2
            and settings.get("activation") == "hard_sigmoid"
            and _ACTIVATED.fullmatch(layer["class_name"])
        ):
            settings["activation"] = "linear"
            steps[name] = _hard_sigmoid
    return steps


def put_in(network: Any, steps: Steps) -> Any:
    """The network, also those inside it, with the steps behind the layers of these names."""

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        return steps[layer.name](outputs) if layer.name in steps else outputs

    is_sequence = isinstance(network, keras.Sequential)
    ends = (
        (network.inputs[0], network.outputs[0]) if is_sequence else (network.input, network.output)
    )
    return keras.models.clone_model(
        keras.Model(*ends, name=network.name),
        clone_function=lambda each: put_in(each, steps) if isinstance(each, keras.Model) else each,
        call_function=call,
    )


def _layers(network: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = network["config"]
    # The oldest releases wrote a Sequential as a list.
    for layer in content if isinstance(content, list) else content.get("layers", ()):
        if layer["class_name"] in NETWORKS:
            yield from _layers(layer)
        else:
            yield layer


def _application(layer: dict[str, Any], preprocess_input: str) -> str:
    """The module of keras.applications whose function a Lambda is; empty where it is another."""
    if names_preprocess_input(layer):
        return preprocess_input
    found = _APPLICATION.fullmatch(str(layer["config"].get("module")))
    return found[1] if found else ""


def _pass_on(layer: dict[str, Any]) -> None:
    settings = layer["config"]
    shape = {key: settings[key] for key in ("batch_input_shape",) if key in settings}
    layer |= {"class_name": "Identity", "config": {"name": settings["name"], **shape}}
    for node in layer.get("inbound_nodes", ()):
        if isinstance(node, dict):
            node["kwargs"] = {}


def _hard_sigmoid(values: Any) -> Any:
    """As Keras 2 has it; that of Keras 3 is less steep."""
    return keras.ops.clip(0.2 * values + 0.5, 0, 1)
