"""Differential counts against published tables, and against simulated blood."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from classifier.datasets import datasets
from classifier.statistics.differential import (
    CellCount,
    Differential,
    UncorrectableError,
    corrected_counts,
    differential_count,
)

BLOOD = datasets()["bloodmnist"]
LABELS = BLOOD.labels
# Of the cells on a film, in the order of the labels; they add up to one.
FILM = np.array([0.02, 0.03, 0.02, 0.04, 0.27, 0.07, 0.50, 0.05])
NONE = np.zeros(8, np.int64)
WHITE = [index for index in range(8) if LABELS[index] not in ("erythroblast", "platelet")]
WHITE_AND_RED = [*WHITE, LABELS.index("erythroblast")]


def count_blood(
    reviewed: NDArray[np.int64],
    predicted: NDArray[np.int64] = NONE,
    confusion: NDArray[np.int64] | None = None,
) -> Differential:
    assert BLOOD.differential
    return differential_count(
        LABELS,
        reviewed=reviewed,
        predicted=predicted,
        confusion=confusion,
        denominator=BLOOD.differential.denominator,
        per_hundred=BLOOD.differential.per_hundred,
    )


# Rümke's 95 % limits in percent, of 100 and of 200 cells, by the percentage that was counted
# (Rümke 1960, reprinted 1985 and since): exact limits, rounded outwards.
RUEMKE = {
    0: ((0, 4), (0, 2)), 1: ((0, 6), (0, 4)), 2: ((0, 8), (0, 6)), 3: ((0, 9), (1, 7)),
    4: ((1, 10), (1, 8)), 5: ((1, 12), (2, 10)), 6: ((2, 13), (3, 11)), 7: ((2, 14), (3, 12)),
    8: ((3, 16), (4, 13)), 9: ((4, 17), (5, 14)), 10: ((4, 18), (6, 16)), 15: ((8, 24), (10, 21)),
    20: ((12, 30), (14, 27)), 25: ((16, 35), (19, 32)), 30: ((21, 40), (23, 37)),
    35: ((25, 46), (28, 43)), 40: ((30, 51), (33, 48)), 50: ((39, 61), (42, 58)),
}  # fmt: skip


@pytest.mark.parametrize(("column", "cells"), [(0, 100), (1, 200)])
@pytest.mark.parametrize("percent", RUEMKE)
def test_reviewed_counts_have_the_counting_error_of_ruemkes_tables(
    percent: int, column: int, cells: int
) -> None:
    low, high = RUEMKE[percent][column]
    number = percent * cells // 100
    exact = binomtest(number, cells).proportion_ci(method="exact")
    assert (math.floor(100 * exact.low), math.ceil(100 * exact.high)) == (low, high)

    counted = differential_count(
        ["monocyte", "other"], reviewed=np.array([number, cells - number]), predicted=NONE[:2]
    )
    ours = counted.counted[0].interval_per(100)
    assert ours is not None
    # Wilson's limits are the narrower ones: inside the printed limits, and close to them.
    assert low <= ours[0] <= low + 2
    assert high - 2 <= ours[1] <= high


def test_only_white_cells_are_counted_and_red_ones_told_to_a_hundred_of_them() -> None:
    differential = count_blood(np.array([1, 3, 12, 0, 60, 6, 130, 40]))
    assert differential.cells == 200
    assert (differential.reviewed, differential.unreviewed) == (252, 0)
    rows = {row.label: row for row in differential.counted}
    assert set(rows) == set(LABELS) - {"erythroblast", "platelet"}
    assert rows["neutrophil"].per(100) == pytest.approx(65)
    assert rows["neutrophil"].per(200) == pytest.approx(130)
    assert sum(row.ratio or 0 for row in differential.counted) == pytest.approx(1)
    (red,) = differential.per_hundred
    assert red.label == "erythroblast"
    assert red.per(100) == pytest.approx(6)
    low, high = red.interval_per(100) or (math.nan, math.nan)
    assert 3 < low < 6 < high < 11
    assert differential.others == (CellCount("platelet", 40),)


def test_more_red_cells_than_white_ones_are_told_as_such() -> None:
    (red,) = count_blood(np.array([0, 0, 30, 0, 10, 0, 10, 0])).per_hundred
    assert red.per(100) == pytest.approx(150)


def test_without_a_white_cell_there_is_no_differential() -> None:
    differential = count_blood(np.array([0, 0, 5, 0, 0, 0, 0, 9]))
    assert differential.cells == 0
    for row in (*differential.counted, *differential.per_hundred):
        assert row.ratio is row.interval is row.per(100) is row.interval_per(100) is None
    assert differential.per_hundred[0].number == 5


def test_a_batch_without_images_counts_nothing() -> None:
    assert differential_count(["a", "b"], reviewed=NONE[:2], predicted=NONE[:2]).cells == 0


@dataclass
class Simulated:
    """What many counts of the same blood gave, for the white types and the red one."""

    coverage: NDArray[np.float64]
    bias: NDArray[np.float64]
    bias_of_predictions: NDArray[np.float64]


def simulate(*, reviewed: int, unreviewed: int, repeats: int = 1000) -> Simulated:
    """Count cells drawn from FILM, by a model of 80 % accuracy that was tested on 400 of each."""
    generator = np.random.default_rng(17)
    mistakes = generator.dirichlet(np.full(8, 0.5), 8) * (1 - np.eye(8))
    rates = 0.8 * np.eye(8) + 0.2 * mistakes / mistakes.sum(axis=1, keepdims=True)
    truth = FILM[WHITE_AND_RED] / FILM[WHITE].sum()
    covered, ratios, naive = [], [], []
    for _ in range(repeats):
        predicted = generator.multinomial(unreviewed, FILM @ rates)
        differential = count_blood(
            generator.multinomial(reviewed, FILM),
            predicted,
            generator.multinomial(400, rates),
        )
        rows = (*differential.counted, *differential.per_hundred)
        intervals = np.array([row.interval for row in rows])
        covered.append((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))
        ratios.append([row.ratio for row in rows])
        naive.append(predicted[WHITE_AND_RED] / max(1, predicted[WHITE].sum()))
    return Simulated(
        np.mean(covered, axis=0), np.mean(ratios, axis=0) - truth, np.mean(naive, axis=0) - truth
    )


@pytest.mark.parametrize(("reviewed", "unreviewed"), [(200, 0), (0, 250), (100, 250)])
def test_intervals_cover_the_truth_as_often_as_they_say(reviewed: int, unreviewed: int) -> None:
    simulated = simulate(reviewed=reviewed, unreviewed=unreviewed)
    # Of a type with three or four cells the number jumps, and coverage with it, as Wilson's does
    # (Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion").
    rare = FILM[WHITE_AND_RED] < 0.03
    assert simulated.coverage.mean() == pytest.approx(0.955, abs=0.01)
    assert ((simulated.coverage[~rare] >= 0.93) & (simulated.coverage[~rare] <= 0.97)).all()
    assert ((simulated.coverage[rare] >= 0.92) & (simulated.coverage[rare] <= 0.98)).all()
    assert np.abs(simulated.bias).max() < 0.005


def test_correction_removes_the_bias_of_predictions() -> None:
    simulated = simulate(reviewed=0, unreviewed=250, repeats=300)
    assert np.abs(simulated.bias_of_predictions).max() > 0.05
    assert np.abs(simulated.bias).max() < 0.007


def test_the_interval_is_as_wide_as_that_of_a_bootstrap() -> None:
    """Of both the predictions and the rows of the confusion matrix."""
    generator = np.random.default_rng(5)
    confusion = np.array([[180, 15, 5], [20, 170, 10], [4, 6, 190]])
    predicted = np.array([120, 200, 280])
    ratios = []
    for _ in range(1000):
        drawn = np.stack([generator.dirichlet(row + 1 / 3) for row in confusion])
        sample = generator.multinomial(600, predicted / 600)
        ratios.append(corrected_counts(sample, drawn) / 600)
    bootstrap = np.quantile(ratios, [0.025, 0.975], axis=0).T
    counted = differential_count(
        ["a", "b", "c"], reviewed=NONE[:3], predicted=predicted, confusion=confusion
    ).counted
    for row, (low, high) in zip(counted, bootstrap, strict=True):
        assert row.interval == pytest.approx((low, high), abs=0.006)


def test_two_types_are_corrected_as_rogan_and_gladen_do() -> None:
    sensitivity, specificity = 0.9, 0.8
    rates = np.array([[sensitivity, 1 - sensitivity], [1 - specificity, specificity]])
    counts = corrected_counts(np.array([40, 60]), rates)
    assert counts[0] / 100 == pytest.approx(
        (0.4 + specificity - 1) / (sensitivity + specificity - 1)
    )


def test_fewer_predictions_than_errors_alone_would_bring_leave_none() -> None:
    rates = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert corrected_counts(np.array([10, 90]), rates) == pytest.approx([0, 100], abs=1e-4)


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), min_size=4, max_size=4).filter(any), st.integers(0, 2**32 - 1))
def test_corrected_counts_are_counts_of_as_many_cells(predicted: list[int], seed: int) -> None:
    rates = np.random.default_rng(seed).dirichlet(np.full(4, 1.0), 4) * 0.5 + 0.5 * np.eye(4)
    counts = corrected_counts(np.array(predicted), rates)
    assert counts.min() >= 0
    assert counts.sum() == pytest.approx(sum(predicted))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=3, max_size=3),
    st.lists(st.integers(0, 50), min_size=3, max_size=3),
    st.lists(st.integers(0, 200), min_size=9, max_size=9),
)
def test_any_counts_give_sound_rows_or_say_why_not(
    reviewed: list[int], predicted: list[int], cells: list[int]
) -> None:
    try:
        differential = differential_count(
            ["a", "b", "c"],
            reviewed=np.array(reviewed),
            predicted=np.array(predicted),
            confusion=np.array(cells).reshape(3, 3),
            denominator=["a", "b"],
            per_hundred=["c"],
        )
    except UncorrectableError:
        return
    rows = (*differential.counted, *differential.per_hundred)
    assert sum(row.number for row in rows) == pytest.approx(sum(reviewed) + sum(predicted))
    for row in rows:
        if row.interval is not None and row.ratio is not None:
            low, high = row.interval
            assert 0 <= low <= row.ratio + 1e-9
            assert row.ratio - 1e-9 <= high < math.inf


def test_an_exact_model_leaves_predictions_nearly_as_they_are() -> None:
    predicted = np.array([2, 5, 0, 0, 60, 10, 120, 3])
    reviewed = count_blood(predicted)
    corrected = count_blood(NONE, predicted, np.eye(8, dtype=np.int64) * 10_000)
    for one, other in zip(reviewed.counted, corrected.counted, strict=True):
        assert other.ratio == pytest.approx(one.ratio, abs=1e-3)
        assert other.interval == pytest.approx(one.interval, abs=2e-3)


def test_a_type_without_test_images_is_known_to_be_unknown() -> None:
    confusion = np.eye(8, dtype=np.int64) * 300
    confusion[5] = 0
    counted = count_blood(NONE, np.array([2, 5, 0, 2, 60, 10, 120, 3]), confusion).counted
    low, high = next(row.interval for row in counted if row.label == "monocyte") or (0, 0)
    assert high - low > 0.4


def test_a_model_that_tells_nothing_apart_corrects_nothing() -> None:
    with pytest.raises(UncorrectableError, match="cannot tell them"):
        count_blood(NONE, NONE + 10, np.ones((8, 8), np.int64))


def test_unreviewed_cells_need_the_confusion_of_their_model() -> None:
    with pytest.raises(UncorrectableError, match="8 by 8"):
        count_blood(NONE, NONE + 10)


def test_counts_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one count for each of the 2"):
        differential_count(["a", "b"], reviewed=NONE[:3], predicted=NONE[:2])
    with pytest.raises(ValueError, match="no type 'c'"):
        differential_count(["a", "b"], reviewed=NONE[:2], predicted=NONE[:2], denominator=["c"])
