"""Temperature scaling: confidence that is right as often as it says, by one number.

Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier.evaluation.scores import Labels

Floats = NDArray[np.floating]

# Logarithms of the temperatures between which the best one is looked for, and in how many halvings.
LOWEST, HIGHEST, HALVINGS = -4.0, 4.0, 60


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature at which logits (N, classes) / temperature have the least log loss.

    The loss is convex in the inverse temperature, so its slope, the mean of expected minus true
    logit, has one zero, found by bisection.
    """
    low, high = LOWEST, HIGHEST
    true = logits[np.arange(len(labels)), labels]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = (softmax(np.exp(-middle) * logits, axis=1) * logits).sum(axis=1)
        if (expected - true).mean() > 0:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def logits_of(probabilities: Floats) -> NDArray[np.float64]:
    """Logits (N, classes) of which these are the softmax; each row's are determined up to a sum."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float32).tiny))


def at_temperature(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """What probabilities (N, classes) would be if their logits were divided by a temperature."""
    return np.asarray(softmax(logits_of(probabilities) / temperature, axis=1), np.float64)


def log_loss(labels: Labels, probabilities: Floats) -> float:
    """Mean negative logarithm of the true class's probability.

    scikit-learn's warns of float32 probabilities, whose sum differs from one in the last digit.
    """
    likelihood = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)).mean())
