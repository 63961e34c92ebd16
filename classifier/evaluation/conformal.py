"""Thresholds of prediction sets that hold the true class as often as they promise."""

import math

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.scores import Floats, Scores


def conformal_quantile(scores: NDArray[np.floating], level: float) -> float:
    """The least value that a new score stays under with at least the given probability.

    Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for too few scores
    to promise that, the largest one.
    """
    rank = min(math.ceil((len(scores) + 1) * level), len(scores))
    return float(np.sort(scores)[rank - 1])


def conformal_thresholds(scores: Scores, coverage: float, *, by_class: bool) -> Floats:
    """The probability (classes,) that the true class reaches in a proportion `coverage` of cases.

    Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error
    levels". With `by_class` each class has its own threshold, and so its own coverage.
    """
    likelihood = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    classes = range(scores.probabilities.shape[1])
    members = [scores.labels == index if by_class else slice(None) for index in classes]
    return np.array([-conformal_quantile(-likelihood[each], coverage) for each in members])
