"""Risk over coverage."""

import numpy as np
import pytest

from classifier.evaluation.risk_coverage import risk_coverage
from classifier.evaluation.scores import Scores


def scores(confidence: list[float], right: list[bool]) -> Scores:
    """Two classes; the first is always predicted."""
    probabilities = np.column_stack([confidence, 1 - np.array(confidence)])
    return Scores(probabilities, np.where(right, 0, 1))


def test_the_least_confident_are_left_out_first() -> None:
    curve = risk_coverage(scores([0.6, 0.9, 0.8, 0.7], [False, True, True, False]))
    assert curve.points == ((0.25, 0.0), (0.5, 0.0), (0.75, 0.33333), (1.0, 0.5))
    assert curve.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


def test_confidence_that_tells_nothing_has_the_risk_of_all() -> None:
    generator = np.random.default_rng(0)
    confidence, right = generator.uniform(0.5, 1, 4000), generator.uniform(size=4000) < 0.7
    curve = risk_coverage(scores(list(confidence), list(right)))
    assert curve.area == pytest.approx(0.3, abs=0.03)
    assert len(curve.points) == 20
    assert curve.points[-1] == (1.0, pytest.approx(0.3, abs=0.02))
