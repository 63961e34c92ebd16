"""Temperature scaling: confidence that is right as often as it says, by one number.

Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]

# Logarithms of the temperatures between which the best one is looked for, and in how many halvings.
LOWEST, HIGHEST, HALVINGS = -4.0, 4.0, 60


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature at which logits (N, classes) / temperature have the least log loss.

    The loss is convex in the inverse temperature, so its slope has one zero, found by bisection.
    """
    low, high = LOWEST, HIGHEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _slope(logits, labels, np.exp(-middle)) > 0:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def _slope(logits: Floats, labels: Labels, inverse: float) -> float:
    """Of the mean log loss in the inverse temperature: expected minus true logit."""
    expected = (softmax(inverse * logits) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())


def softmax(logits: Floats) -> NDArray[np.float64]:
    """Probabilities (N, classes) of logits."""
    powers = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def logits_of(probabilities: Floats) -> NDArray[np.float64]:
    """Logits (N, classes) of which these are the softmax; each row's are determined up to a sum."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float32).tiny))


def at_temperature(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """What probabilities (N, classes) would be if their logits were divided by a temperature."""
    return softmax(logits_of(probabilities) / temperature)


def log_loss(labels: Labels, probabilities: Floats) -> float:
    """Mean negative logarithm of the true class's probability."""
    likelihood = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)).mean())
