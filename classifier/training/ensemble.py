"""Several networks of one recipe as a single one, which averages what they say.

Lakshminarayanan et al. 2017, "Simple and scalable predictive uncertainty estimation using deep
ensembles"; here the logits are averaged, so that one temperature calibrates them all.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from classifier.inference.features import MEMBER_PREFIX
from classifier.training.checkpoint import Record
from classifier.training.data import Split
from classifier.training.prediction import predict
from classifier.training.trainer import TrainedNetwork, validation_record


def joined_networks(members: Sequence[TrainedNetwork], validation: Split) -> TrainedNetwork:
    """Give members that were trained for equally many epochs as one; their history is the mean.

    Its seconds are the sum.
    """
    if len(members) == 1:
        return members[0]
    network = averaged([member.network for member in members])
    probabilities = predict(network, validation.images)
    return TrainedNetwork(
        network,
        members[0].selected_epoch,
        _history([member.history for member in members]),
        validation_record(validation.labels, probabilities),
    )


def averaged(networks: Sequence[keras.Model]) -> keras.Model:
    """Build the network of the mean logits, from pixels (N, size, size, channels) in 0–255.

    All networks take the same input. The layers of the first keep their names.
    """
    pixels = keras.Input(networks[0].input_shape[1:], name="pixels")
    members = [_on(pixels, network, number) for number, network in enumerate(networks, start=1)]
    logits = layers.Average()([member.layers[-1].input for member in members])
    probabilities = layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(pixels, probabilities)


def _on(pixels: Any, network: keras.Model, number: int) -> keras.Model:
    """A copy of a member that takes its input from `pixels`."""
    prefix = "" if number == 1 else f"{MEMBER_PREFIX}{number}_"

    def renamed(operation: Any) -> Any:
        config = operation.get_config()
        return type(operation).from_config({**config, "name": prefix + operation.name})

    copy = keras.models.clone_model(network, input_tensors=pixels, clone_function=renamed)
    copy.set_weights(network.get_weights())
    return copy


def _history(histories: Sequence[list[Record]]) -> list[Record]:
    return [_mean(records) for records in zip(*histories, strict=True)]


def _mean(records: Sequence[Record]) -> Record:
    seconds = sum(record["seconds"] for record in records)
    mean = {name: float(np.mean([record[name] for record in records])) for name in records[0]}
    return mean | {"epoch": records[0]["epoch"], "seconds": round(seconds, 1)}
