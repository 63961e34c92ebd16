"""A linear head that starts at the shipped one: what the labels of few images can well decide.

Multinomial logistic regression whose penalty pulls towards given weights instead of towards zero
(Li, Grandvalet and Davoine 2018, "Explicit inductive bias for transfer learning with convolutional
networks"). Of few labels a head on fixed features is what out-of-distribution images suffer least
from (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform
out-of-distribution").
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from classifier.evaluation.scores import Floats, Labels
from classifier.networks.contract import LOGITS_LAYER, logits_layers

# Fraction of the mean variance that is added to that of each input, as in the limits: what hardly
# varies would otherwise decide everything.
VARIANCE_FLOOR: Final = 0.1
# Of the covariance within classes; see `_whitening`.
SHRINKAGE: Final = 0.6
# Of the bias relative to that of the weights: how common a class is differs between laboratories.
BIAS_PENALTY: Final = 0.1
# Enough for the choice of a class; the optimum to the last digit is of no use.
ITERATIONS, TOLERANCE = 100, 1e-5


@dataclass(frozen=True)
class Head:
    """Weights (D, C) and bias (C,) from D inputs to the logits of C classes."""

    weights: Floats
    bias: Floats

    def logits(self, inputs: NDArray[np.floating]) -> Floats:
        """Logits (N, C) of inputs (N, D)."""
        return np.asarray(inputs @ self.weights + self.bias, np.float64)


def head_of(network: Any) -> Head:
    """The head of a network, which averages the logits of its members.

    Its inputs are those of `networks.contract.with_head_inputs`. Raises ValueError for a network
    without.
    """
    members = [layer.get_weights() for layer in logits_layers(network)]
    weights = np.concatenate([np.float64(weights) for weights, _ in members]) / len(members)
    return Head(weights, np.mean([np.float64(bias) for _, bias in members], axis=0))


def set_head(network: Any, head: Head) -> None:
    """Write a head into a network, where `head_of` found one."""
    members = logits_layers(network)
    widths = [layer.get_weights()[0].shape[0] for layer in members]
    parts = np.split(len(members) * head.weights, np.cumsum(widths)[:-1])
    for layer, weights in zip(members, parts, strict=True):
        layer.set_weights([weights, head.bias])


def with_classes(network: Any, classes: int) -> Any:
    """A copy of a network, with a head for so many classes that has yet to be set."""
    import keras

    def copied(layer: Any) -> Any:
        values = layer.get_config()
        if layer.name.endswith(LOGITS_LAYER):
            values["units"] = classes
        return type(layer).from_config(values)

    copy = keras.models.clone_model(network, clone_function=copied)
    for layer in network.layers:
        if layer.weights and not layer.name.endswith(LOGITS_LAYER):
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


@dataclass(frozen=True)
class HeadSettings:
    """How far a head may go from the shipped one.

    Attributes:
        penalty: on the squared difference of the weights, for inputs of unit mean variance.
        start: the share of the shipped weights that it is pulled to: a network that is often wrong
            here is wrong with the same confidence as at home.
    """

    penalty: float
    start: float


class HeadFit:
    """Fits heads to images with inputs (N, D) and labels (N,), one after another by settings."""

    def __init__(self, inputs: Floats, labels: Labels, shipped: Head) -> None:
        self._labels, self._shipped = labels, shipped
        self._centre, self._scale = inputs.mean(axis=0), _scale(inputs)
        self._shipped_logits = shipped.logits(inputs)
        # What a head differs by lies in the span of the images: at most N unknowns a class.
        left, lengths, self._directions = np.linalg.svd(
            (inputs - self._centre) / self._scale, full_matrices=False
        )
        coordinates = left * lengths
        self._whitening = _whitening(coordinates, labels, inputs.shape[1])
        self._coordinates = coordinates @ self._whitening

    def head(self, settings: HeadSettings) -> Head:
        """The head of the least penalised log loss.

        Classes weigh alike, however many images each has; one without images keeps its share of the
        shipped weights.
        """
        change, shift = _least_loss(
            self._coordinates,
            settings.start * self._shipped_logits,
            self._labels,
            _class_weights(self._labels, len(self._shipped.bias)),
            settings.penalty,
        )
        along = self._directions.T @ (self._whitening @ change)
        difference = along / self._scale[:, None]
        return Head(
            settings.start * self._shipped.weights + difference,
            settings.start * self._shipped.bias + shift - self._centre @ difference,
        )


def _scale(inputs: Floats) -> Floats:
    """What each input is divided by, so that the variances of all together are about one."""
    variance = inputs.var(axis=0)
    floored = variance + VARIANCE_FLOOR * variance.mean() + np.finfo(np.float64).tiny
    return np.asarray(np.sqrt(floored * inputs.shape[1]), np.float64)


def _whitening(coordinates: Floats, labels: Labels, width: int) -> Floats:
    """By what (R, R) to multiply coordinates (N, R) of `width` inputs.

    How far images of a class lie apart is then much the same in all directions: a head may go far
    along one in which they hardly differ. The covariance within the classes is shrunk towards one
    that is the same in all directions: Friedman 1989, "Regularized discriminant analysis".
    """
    _, numbers = np.unique(labels, return_inverse=True)
    sums = np.zeros((numbers.max() + 1, coordinates.shape[1]))
    np.add.at(sums, numbers, coordinates)
    within = coordinates - (sums / np.bincount(numbers)[:, None])[numbers]
    values, directions = np.linalg.eigh(within.T @ within / len(labels))
    mean = max(values.sum() / width, np.finfo(np.float64).tiny)
    shrunk = (1 - SHRINKAGE) * np.maximum(values, 0) + SHRINKAGE * mean
    return np.asarray(directions / np.sqrt(shrunk * width), np.float64)


def _class_weights(labels: Labels, classes: int) -> Floats:
    """The weight (N,) of each image, one on average."""
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(len(labels) / (np.count_nonzero(counts) * counts[labels]), np.float64)


def _least_loss(
    coordinates: Floats, start: Floats, labels: Labels, weights: Floats, penalty: float
) -> tuple[Floats, Floats]:
    """What to add to the logits `start` (N, C): weights (R, C) of the coordinates, and (C,)."""
    (_, rank), classes = coordinates.shape, start.shape[1]
    truth = np.eye(classes)[labels]

    def loss(unknowns: Floats) -> tuple[float, Floats]:
        change, shift = np.split(unknowns.reshape(rank + 1, classes), [rank])
        logs = log_softmax(start + coordinates @ change + shift, axis=1)
        slope = weights[:, None] * (np.exp(logs) - truth)
        value = -(weights * (logs * truth).sum(axis=1)).sum()
        value += penalty / 2 * (np.square(change).sum() + BIAS_PENALTY * np.square(shift).sum())
        return float(value), np.concatenate(
            [
                coordinates.T @ slope + penalty * change,
                slope.sum(axis=0, keepdims=True) + penalty * BIAS_PENALTY * shift,
            ]
        ).ravel()

    found = minimize(
        loss,
        np.zeros((rank + 1) * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": ITERATIONS, "ftol": TOLERANCE},
    )
    change, shift = np.split(found.x.reshape(rank + 1, classes), [rank])
    return change, shift[0]
