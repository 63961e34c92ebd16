"""What the outputs of a network from elsewhere are, and what makes probabilities of them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from classifier.datasets import Dataset
from classifier.networks.checks import are_probabilities
from classifier.networks.safe_loading import NetworkError

Kind = Literal["probabilities", "logits", "sigmoids"]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a network gives, where that is not a probability for each class in the dataset's order.

    `kind`: logits get a softmax, or a sigmoid where there is one alone; sigmoids, which need not
    sum to one, are divided by their sum. `positive`: the class that a single output is for.
    `classes`: the labels in the order of the outputs; empty for the dataset's own.
    """

    kind: Kind = "probabilities"
    positive: str | None = None
    classes: Sequence[str] = ()


def with_probabilities(
    network: keras.Model, given: Outputs, dataset: Dataset, values: NDArray[np.float32]
) -> keras.Model:
    """The network with a probability for each class, in the dataset's order.

    `values` are its outputs for a few different images. Raises NetworkError where they are not as
    is said of them.
    """
    is_single = network.output_shape == (None, 1) and len(dataset.labels) == 2
    if not is_single:
        _check_width(network, dataset)
    labels = _labels_of_pair(given, dataset) if is_single else _labels(given, dataset)
    if not np.isfinite(values).all():
        raise NetworkError("The network gives values that are no numbers: its weights are damaged.")
    if (values == values[0]).all():
        raise NetworkError(
            "The network gives the same for every image. If it was trained on other values than "
            "these, say which: see --rescale."
        )
    _check_kind(network, values, given.kind)
    outputs = network.outputs[0]
    if given.kind == "logits":
        function = "sigmoid" if is_single else "softmax"
        outputs = layers.Activation(function, dtype="float32", name="probabilities")(outputs)
    elif given.kind == "sigmoids" and not is_single:
        outputs = outputs / ops.sum(outputs, axis=-1, keepdims=True)
    if is_single:
        outputs = ops.concatenate([1 - outputs, outputs], axis=-1)
    if labels != dataset.labels:
        outputs = ops.take(outputs, [labels.index(label) for label in dataset.labels], axis=-1)
    return network if outputs is network.outputs[0] else keras.Model(network.inputs, outputs)


def _check_width(network: Any, dataset: Dataset) -> None:
    match network.output_shape:
        case (None, width) if width == len(dataset.labels):
            return
        case (None, int(width)):
            gives = f"{width} {'value' if width == 1 else 'values'} per image"
        case shape:
            gives = str(shape)
    raise NetworkError(
        f"The network gives {gives}, {dataset.title} has {len(dataset.labels)} classes: "
        f"{'; '.join(dataset.labels)}. It has to give one value for each."
    )


def _check_kind(network: Any, values: NDArray[np.float32], said: Kind) -> None:
    found = _kind(network, values)
    # A sigmoid alone is a probability.
    if found == said or (values.shape[1] == 1 and "logits" not in (found, said)):
        return
    if found == "probabilities":
        raise NetworkError(f"The network gives probabilities, not {said}: leave out --{said}.")
    sums = f"from {values.min():.3g} to {values.max():.3g} and sum to {values[0].sum():.3g}"
    if found == "sigmoids":
        raise NetworkError(
            "The network gives sigmoids, neither logits nor probabilities that sum to one: its "
            f"outputs for one image are {sums}. Say --sigmoids to divide them by their sum."
            if values.shape[1] > 1
            else "The network gives a sigmoid, no logit: leave out --logits."
        )
    raise NetworkError(
        f"The network does not give {said}: its outputs for one image are {sums}. If these are "
        "logits, the outputs before a softmax or a sigmoid, say --logits."
    )


def _kind(network: Any, values: NDArray[np.float32]) -> Kind:
    if values.shape[1] > 1 and are_probabilities(values):
        return "probabilities"
    if _last_activation(network) is keras.activations.linear:
        return "logits"
    return "sigmoids" if ((values >= 0) & (values <= 1)).all() else "logits"


def _last_activation(network: Any) -> Any:
    """None where the last layer says none, as an average does."""
    last = network.layers[-1]
    if isinstance(last, keras.Model):
        return _last_activation(last)
    return getattr(last, "activation", None)


def _labels(given: Outputs, dataset: Dataset) -> tuple[str, ...]:
    """Labels in the order of the outputs."""
    if given.positive is not None:
        raise NetworkError("--positive is for a network with one output. Say --classes instead.")
    if given.classes and sorted(given.classes) != sorted(dataset.labels):
        raise NetworkError(
            f"--classes has to name each class of {dataset.title} once, in the order of the "
            f"network's outputs: {shlex.join(dataset.labels)} in some order."
        )
    return tuple(given.classes) or dataset.labels


def _labels_of_pair(given: Outputs, dataset: Dataset) -> tuple[str, ...]:
    """Labels in the order of what a single output becomes: the other class, then its own."""
    if given.positive not in dataset.labels or given.classes:
        first, second = map(shlex.quote, dataset.labels)
        raise NetworkError(
            "The network gives 1 value per image, for one of the two classes. Say for which: "
            f"--positive {first} or --positive {second}; if it was trained on numbers 0 and 1, "
            "it is the class that had 1."
        )
    [other] = {*dataset.labels} - {given.positive}
    return other, given.positive
