"""What a network's layers make of an image, in the same forward pass as its probabilities.

Keras is imported inside the functions: see `classifier.inference.loader`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

# Stacks the symmetric views of each image, where a network averages over them.
VIEWS_LAYER: Final = "views"
# Begins the names of all layers of an ensemble that are not of its first member.
MEMBER_PREFIX: Final = "member_"


def feature_layers(network: Any) -> list[str]:
    """Layers whose statistics tell whether an image looks like the training data, finest first.

    The last layer of feature maps at each resolution but the coarsest, which the pooled features
    stand for. Of an ensemble those of the first member.
    """
    last: dict[int, str] = {}
    for layer in _after_views(network):
        shape: Any = getattr(layer.output, "shape", ())
        if layer.name.startswith(MEMBER_PREFIX) or "Padding" in type(layer).__name__:
            continue
        if len(shape) == 4:
            last[shape[1]] = layer.name
    sides = sorted(last, reverse=True)
    return [last[side] for side in sides[:-1]]


def _after_views(network: Any) -> list[Any]:
    """The layers but for those that make the views of an image, in a network that has several."""
    names = [layer.name for layer in network.layers]
    return list(network.layers[names.index(VIEWS_LAYER) if VIEWS_LAYER in names else 0 :])


def with_features(network: Any, layers: Sequence[str]) -> Any:
    """The network with two outputs: probabilities (N, classes) and features (N, features).

    The features are mean and standard deviation of each channel of the named layers, over the
    positions in the image, and then the pooled features that the layer "logits" takes; all of them
    averaged over the views of an image, where there are several. Raises ValueError where a layer is
    absent.
    """
    import keras

    maps = [network.get_layer(name).output for name in layers]
    # In one layer with a name of its own: single operations would get names that may be taken.
    statistics = keras.layers.Lambda(
        partial(_statistics, _view_count(network)),
        output_shape=(sum(feature_groups(network, layers)),),
        name="features",
    )
    return keras.Model(network.inputs, [network.outputs[0], statistics([*maps, _pooled(network)])])


def _statistics(views: int, tensors: Sequence[Any]) -> Any:
    import keras

    *maps, pooled = tensors
    parts = [
        reduce(each, axis=(1, 2)) for each in maps for reduce in (keras.ops.mean, keras.ops.std)
    ]
    features = keras.ops.concatenate([*parts, pooled], axis=-1)
    if views == 1:
        return features
    return keras.ops.mean(keras.ops.reshape(features, (views, -1, features.shape[-1])), axis=0)


def feature_groups(network: Any, layers: Sequence[str]) -> list[int]:
    """How many of the features of `with_features` come from each layer; the pooled ones last."""
    widths = [2 * network.get_layer(name).output.shape[-1] for name in layers]
    return [*widths, _pooled(network).shape[-1]]


def _pooled(network: Any) -> Any:
    return network.get_layer("logits").input


def _view_count(network: Any) -> int:
    stacked = [layer.input for layer in network.layers if layer.name == VIEWS_LAYER]
    return len(stacked[0]) if stacked else 1
