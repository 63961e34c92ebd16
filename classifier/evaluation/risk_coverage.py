"""How often answers are wrong among those that are kept, the least confident left out first.

El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification"; the area
under the curve is that of Geifman, Uziel and El-Yaniv 2019, "Bias-reduced uncertainty estimation
for deep neural classifiers".
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from classifier.evaluation.scores import Scores

POINTS: Final = 20


@dataclass(frozen=True)
class RiskCoverage:
    """`points` (coverage, risk) at even steps of coverage, and the area under the whole curve."""

    points: tuple[tuple[float, float], ...]
    area: float


def risk_coverage(scores: Scores) -> RiskCoverage:
    """The curve over all N images, by the probability of the predicted class; needs one image."""
    confidence, predicted = scores.probabilities.max(axis=1), scores.probabilities.argmax(axis=1)
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    risk = np.cumsum(predicted[order] != scores.labels[order]) / kept
    shown = np.unique(np.ceil(np.linspace(1 / POINTS, 1, POINTS) * len(order)).astype(int)) - 1
    points = tuple(
        (round(float(kept[index] / len(order)), 5), round(float(risk[index]), 5)) for index in shown
    )
    return RiskCoverage(points, float(risk.mean()))
