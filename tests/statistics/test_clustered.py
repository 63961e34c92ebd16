"""Intervals of clustered observations cover the truth as often as they promise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from classifier.evaluation.curves import resampled_auc
from classifier.statistics.clustered import (
    Estimates,
    bootstrapped,
    cluster_sums,
    mean_of_ratios,
    means,
    ratios,
    resampled_counts,
)
from classifier.statistics.intervals import wilson_interval

LABORATORIES = 2000


def covers(found: Estimates, truth: float) -> NDArray[np.bool_]:
    return (found.low <= truth) & (truth <= found.high)


def ones_like(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.ones(flags.shape, np.bool_)


@pytest.mark.parametrize(
    ("patients", "images", "share", "likeness"),
    [(300, 1, 0.85, 0.0), (40, 8, 0.85, 0.1), (60, 5, 0.93, 0.1), (30, 10, 0.9, 0.05)],
)
def test_proportions_of_simulated_laboratories_are_covered(
    patients: int, images: int, share: float, likeness: float
) -> None:
    """Two thousand laboratories, whose patients' images are alike by an intraclass correlation."""
    random = np.random.default_rng(3)
    chances = np.full((patients, LABORATORIES), share)
    if likeness:
        scale = 1 / likeness - 1
        chances = random.beta(share * scale, (1 - share) * scale, chances.shape)
    clusters = np.repeat(np.arange(patients), images)
    right = random.random((patients * images, LABORATORIES)) < chances[clusters]
    found = ratios(right, ones_like(right), clusters)
    assert 0.94 <= covers(found, share).mean() <= 0.96


def test_balanced_accuracies_of_simulated_laboratories_are_covered() -> None:
    random = np.random.default_rng(2)
    recalls = np.array([0.9, 0.8, 0.95, 0.7, 0.85])
    clusters = np.repeat(np.arange(40), 8)
    truth = expit(logit(recalls) + 0.7 * random.normal(size=(100_000, 1))).mean()
    covered = []
    for _ in range(1000):
        labels = random.integers(0, 5, len(clusters))
        chances = expit(logit(recalls)[labels] + 0.7 * random.normal(size=40)[clusters])
        right = random.random(len(clusters)) < chances
        of_class = np.eye(5)[labels]
        found = mean_of_ratios(of_class * right[:, None], of_class, clusters)
        covered.append(covers(found, truth)[0])
    assert 0.94 <= np.mean(covered) <= 0.96


def test_areas_of_simulated_laboratories_are_covered() -> None:
    """Scores of two normal distributions, shifted together for each patient."""
    random = np.random.default_rng(4)
    clusters = np.repeat(np.arange(40), 4)
    positive = np.tile([True, False, False, True], 40)
    spread = np.sqrt(1 + 0.3**2)
    truth = float((random.normal(1.2, spread, 200_000) > random.normal(0, spread, 200_000)).mean())
    parts = resampled_counts(clusters, 200)
    covered = []
    for _ in range(600):
        scores = random.normal(1.2 * positive) + 0.3 * random.normal(size=40)[clusters]
        area = resampled_auc(positive, scores, np.ones((1, 160)))[0]
        drawn = np.concatenate([resampled_auc(positive, scores, part) for part in parts])
        covered.append(covers(bootstrapped(area, drawn, 40, 40), truth)[0])
    assert 0.935 <= np.mean(covered) <= 0.965


def test_without_clusters_a_proportion_has_wilsons_interval() -> None:
    right = np.array([[True]] * 17 + [[False]] * 3)
    found = ratios(right, ones_like(right), np.arange(20))
    assert (found.low[0], found.high[0]) == pytest.approx(wilson_interval(17, 20))


def test_images_of_one_patient_say_less() -> None:
    right = np.array([[True]] * 90 + [[False]] * 10)
    alone = ratios(right, ones_like(right), np.arange(100))
    together = ratios(right, ones_like(right), np.repeat(np.arange(10), 10))
    assert together.low[0] < alone.low[0]
    assert together.effective[0] < 10


def test_what_is_all_right_is_no_certainty() -> None:
    right = np.ones((50, 1), np.bool_)
    clusters = np.repeat(np.arange(10), 5)
    assert ratios(right, right, clusters).low[0] < 0.75
    assert mean_of_ratios(right, right, clusters).low[0] < 0.9
    assert bootstrapped(1.0, np.ones(100), 10, 10).low[0] < 0.75


def test_what_has_no_cases_has_no_value() -> None:
    none = np.zeros((5, 1), np.bool_)
    found = ratios(none, none, np.arange(5))
    assert np.isnan(found.values[0])
    assert (found.low[0], found.high[0]) == (0, 1)


def test_one_cluster_alone_proves_nothing() -> None:
    right = np.array([[True], [False], [True]])
    found = ratios(right, ones_like(right), np.zeros(3, np.int64))
    assert found.high[0] - found.low[0] > 0.9


def test_sums_and_means_are_of_whole_clusters() -> None:
    values, clusters = np.array([[1.0], [2.0], [4.0]]), np.array([7, 7, 9])
    assert cluster_sums(values, clusters).tolist() == [[3.0], [4.0]]
    found = means(values, clusters)
    assert found.values[0] == pytest.approx(7 / 3)
    assert found.low[0] < found.values[0] < found.high[0]
