"""What a network's layers make of an image, in the same forward pass as its probabilities.

Keras is imported inside the functions: see `classifier.inference.loader`.
"""

import re
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

# Gives the logits (N, classes) that the softmax of a network takes.
LOGITS_LAYER: Final = "logits"
# Stacks the symmetric views of each image, where a network averages over them.
VIEWS_LAYER: Final = "views"
# Begins the names of all layers of an ensemble's members that were trained like its first.
MEMBER_PREFIX: Final = "member_"
# Begins those of members that were trained otherwise.
HETEROGENEOUS_PREFIX: Final = "further_"


def feature_layers(network: Any) -> list[str]:
    """Layers whose statistics tell whether an image looks like the training data, finest first.

    The last layer of feature maps at each resolution but the coarsest, which the pooled features
    stand for. Of an ensemble those of the first member, and of members that were trained otherwise:
    what one was taught to overlook, another may see.
    """
    prefixes = {_prefix(layer.name) for layer in network.layers} - {""}
    return [name for prefix in ("", *sorted(prefixes)) for name in _layers_of(network, prefix)]


def _prefix(name: str) -> str:
    """What a heterogeneous member's layers are named with; empty for those of the others."""
    found = re.match(rf"{HETEROGENEOUS_PREFIX}\d+_", name)
    return found[0] if found else ""


def _layers_of(network: Any, prefix: str) -> list[str]:
    """Those of one member, the names of whose layers begin with a prefix."""
    own = [
        layer
        for layer in network.layers
        if _prefix(layer.name) == prefix and not layer.name.startswith(MEMBER_PREFIX)
    ]
    # Those that make the views of an image, where there are several, come first.
    names = [layer.name for layer in own]
    views = prefix + VIEWS_LAYER
    own = own[names.index(views) if views in names else 0 :]
    last: dict[int, str] = {}
    for layer in own:
        shape: Any = getattr(layer.output, "shape", ())
        if len(shape) == 4 and "Padding" not in type(layer).__name__:
            last[shape[1]] = layer.name
    finer = sorted(last, reverse=True)[:-1]
    pooled = network.get_layer(f"{prefix}{LOGITS_LAYER}").input
    # Those of the first member need no name: see with_features.
    named = [layer.name for layer in own if prefix and layer.output is pooled]
    return [last[side] for side in finer] + named


def with_features(network: Any, layers: Sequence[str]) -> Any:
    """The network with two outputs: probabilities (N, classes) and features (N, features).

    The features are mean and standard deviation of each channel of the named layers, over the
    positions in the image, or a layer's output itself where that is a vector, and then the pooled
    features that the layer "logits" takes; all of them averaged over the views of an image, where
    there are several. Raises ValueError where a layer is absent.
    """
    import keras

    chosen = [network.get_layer(name).output for name in layers]
    stacked = [layer.input for layer in network.layers if layer.name == VIEWS_LAYER]
    views = len(stacked[0]) if stacked else 1
    # In one layer with a name of its own: single operations would get names that may be taken.
    statistics = keras.layers.Lambda(
        partial(_statistics, views),
        output_shape=(sum(feature_groups(network, layers)),),
        name="features",
    )
    return keras.Model(
        network.inputs, [network.outputs[0], statistics([*chosen, _pooled(network)])]
    )


def logits_layers(network: Any) -> list[Any]:
    """The layers "logits" of all members of a network, in its own order."""
    return [layer for layer in network.layers if layer.name.endswith(LOGITS_LAYER)]


def with_head_inputs(network: Any, layers: Sequence[str]) -> Any:
    """The network with a third output beside those of `with_features`: inputs (N, D) of its head.

    These are what the layers of `logits_layers` take, averaged over the views of an image. Raises
    ValueError where a layer is absent.
    """
    import keras

    both = with_features(network, layers)
    inputs = [layer.input for layer in logits_layers(network)]
    stacked = [layer.input for layer in network.layers if layer.name == VIEWS_LAYER]
    averaged = keras.layers.Lambda(
        partial(_statistics, len(stacked[0]) if stacked else 1),
        output_shape=(sum(each.shape[-1] for each in inputs),),
        name="head_inputs",
    )
    return keras.Model(network.inputs, [*both.outputs, averaged(inputs)])


def _statistics(views: int, tensors: Sequence[Any]) -> Any:
    import keras

    def of_channels(maps: Any) -> list[Any]:
        return [reduce(maps, axis=(1, 2)) for reduce in (keras.ops.mean, keras.ops.std)]

    parts = [of_channels(each) if len(each.shape) == 4 else [each] for each in tensors]
    features = keras.ops.concatenate([*chain.from_iterable(parts)], axis=-1)
    if views == 1:
        return features
    return keras.ops.mean(keras.ops.reshape(features, (views, -1, features.shape[-1])), axis=0)


def feature_groups(network: Any, layers: Sequence[str]) -> list[int]:
    """How many of the features of `with_features` come from each layer; the pooled ones last."""
    shapes = [network.get_layer(name).output.shape for name in layers]
    widths = [shape[-1] * (2 if len(shape) == 4 else 1) for shape in shapes]
    return [*widths, _pooled(network).shape[-1]]


def _pooled(network: Any) -> Any:
    return network.get_layer(LOGITS_LAYER).input


def fold_temperature(network: Any, temperature: float) -> None:
    """Divide weights and bias of each member's layer "logits", so that no layer is added."""
    for layer in network.layers:
        if layer.name.endswith(LOGITS_LAYER):
            layer.set_weights([weights / temperature for weights in layer.get_weights()])
