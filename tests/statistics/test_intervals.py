"""Intervals against each other, and what they do at the ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.statistics.intervals import (
    matrix_intervals,
    percentiles,
    resampled_matrices,
    widened_wilson_interval,
    wilson_interval,
)


@settings(deadline=None)
@given(st.integers(1, 2000), st.data())
def test_without_extra_variance_the_widened_interval_is_wilsons(
    n: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, n))
    expected = wilson_interval(count, n)
    assert widened_wilson_interval(count / n, n, 0) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0.5, 1e4), st.floats(0, 0.5))
def test_extra_variance_only_widens_and_the_share_stays_inside(
    share: float, trials: float, extra: float
) -> None:
    low, high = widened_wilson_interval(share, trials, 0)
    wider_low, wider_high = widened_wilson_interval(share, trials, extra)
    slack = 1e-9
    assert 0 <= wider_low <= low + slack
    assert high - slack <= wider_high <= 1
    assert wider_low - slack <= share <= wider_high + slack


def test_of_many_trials_extra_variance_is_that_of_a_normal_estimate() -> None:
    low, high = widened_wilson_interval(0.5, 1e9, 0.01)
    assert (low, high) == pytest.approx((0.5 - 0.196, 0.5 + 0.196), abs=1e-4)


def test_nothing_is_known_without_trials() -> None:
    assert wilson_interval(0, 0) == (0, 1)


def test_undefined_values_of_a_resample_are_left_out() -> None:
    assert percentiles(np.array([np.nan, 1.0, 2.0, 3.0]), level=1) == (1, 3)


def test_resampled_matrices_keep_the_number_of_images() -> None:
    matrix = np.array([[40, 2], [0, 8]])
    drawn = resampled_matrices(matrix)
    assert drawn.shape == (2000, 2, 2)
    assert (drawn.sum(axis=(1, 2)) == 50).all()
    assert (drawn[:, 1, 0] == 0).all()
    assert drawn.mean(axis=0) == pytest.approx(matrix, abs=0.3)


def test_the_interval_of_an_accuracy_is_close_to_wilsons() -> None:
    matrix = np.array([[420, 20], [30, 130]])
    drawn = matrix_intervals(lambda one: {"accuracy": np.trace(one) / one.sum()}, matrix)
    assert drawn["accuracy"] == pytest.approx(wilson_interval(550, 600), abs=0.01)
