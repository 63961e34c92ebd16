"""Thresholds of prediction sets that hold the true class as often as they promise."""

import numpy as np

from classifier.evaluation.scores import Floats, Scores
from classifier.networks.limits import conformal_quantile

__all__ = ["conformal_quantile", "conformal_thresholds"]


def conformal_thresholds(scores: Scores, coverage: float, *, by_class: bool) -> Floats:
    """The probability (classes,) that the true class reaches in a proportion `coverage` of cases.

    Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error
    levels". With `by_class` each class has its own threshold, and so its own coverage.
    """
    likelihood = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    classes = range(scores.probabilities.shape[1])
    members = [scores.labels == index if by_class else slice(None) for index in classes]
    return np.array([-conformal_quantile(-likelihood[each], coverage) for each in members])
