"""Several networks of one recipe as a single one, which averages what they say.

Lakshminarayanan et al. 2017, "Simple and scalable predictive uncertainty estimation using deep
ensembles"; here the logits are averaged, so that one temperature calibrates them all.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from classifier.networks.contract import HETEROGENEOUS_PREFIX, MEMBER_PREFIX, fold_temperature


def averaged(
    networks: Sequence[keras.Model], *, alike: int, shares: Sequence[float]
) -> keras.Model:
    """Build the network of the mean logits, from pixels (N, size, size, channels) in 0–255.

    All networks take the same input, and each has a share in the mean; together they are one. The
    layers of the first keep their names; those of the others tell whether a network is among the
    first `alike`, which were trained alike.
    """
    pixels = keras.Input(networks[0].input_shape[1:], name="pixels")
    prefixes = ["", *(f"{MEMBER_PREFIX}{number}_" for number in range(2, alike + 1))]
    prefixes += [
        f"{HETEROGENEOUS_PREFIX}{number}_" for number in range(1, len(networks) - alike + 1)
    ]
    members = [
        _on(pixels, network, prefix) for network, prefix in zip(networks, prefixes, strict=True)
    ]
    for member, share in zip(members, shares, strict=True):
        # In its weights, so that the layer that averages is one of Keras's own.
        fold_temperature(member, 1 / (share * len(members)))
    logits = layers.Average()([member.layers[-1].input for member in members])
    probabilities = layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(pixels, probabilities)


def _on(pixels: Any, network: keras.Model, prefix: str) -> keras.Model:
    """A copy of a member that takes its input from `pixels`, with a prefix to all names."""

    def renamed(operation: Any) -> Any:
        config = operation.get_config()
        return type(operation).from_config({**config, "name": prefix + operation.name})

    copy = keras.models.clone_model(network, input_tensors=pixels, clone_function=renamed)
    copy.set_weights(network.get_weights())
    return copy
