"""What is unlike the training data, and which classes may be right, from plain numbers."""

from pathlib import Path

import numpy as np
import pytest

from classifier.evaluation.conformal import conformal_quantile
from classifier.evaluation.scores import Scores
from classifier.networks.limits import Limits, prediction_sets
from classifier.training.fit_limits import FittedLimits, fit_limits
from classifier.training.recipe import LimitSettings

CLASSES = 3


def features(count: int, seed: int) -> np.ndarray:
    """Two layers: ten features that go together and four that hardly vary."""
    generator = np.random.default_rng(seed)
    common = generator.standard_normal((count, 3)) @ np.ones((3, 10))
    wide = common + 0.1 * generator.standard_normal((count, 10))
    return np.column_stack([wide, 100 + 1e-3 * generator.standard_normal((count, 4))])


def scores(count: int, seed: int) -> Scores:
    """A calibrated model: labels are drawn with the probabilities that it gives."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([0.3] * CLASSES, count)
    labels = np.array([generator.choice(CLASSES, p=row) for row in probabilities])
    return Scores(probabilities, labels)


@pytest.fixture(scope="module")
def fitted() -> Limits:
    return fit_limits(features(600, 0), features(400, 1), [10, 4], scores(800, 2))


def test_images_like_the_training_data_are_accepted(fitted: Limits) -> None:
    assert fitted.in_distribution(features(2000, 3)).mean() == pytest.approx(0.98, abs=0.015)


@pytest.mark.parametrize("shift", [np.full(14, 50.0), np.r_[np.zeros(10), 1.0, 0, 0, 0]])
def test_a_shift_in_either_layer_is_seen(fitted: Limits, shift: np.ndarray) -> None:
    assert not fitted.in_distribution(features(50, 4) + shift).any()


def test_near_is_what_is_near_for_the_images_around() -> None:
    """Of two groups of images one lies ten times as close together as the other."""
    generator = np.random.default_rng(9)
    close, wide = 0.1 * generator.standard_normal((300, 4)), generator.standard_normal((300, 4))
    known = np.concatenate([close, wide + 50])
    fitted = fit_limits(known, known, [4], scores(600, 2))
    beside = np.array([1.0, 1.0, 1.0, 1.0])
    near_close, near_wide = fitted.distances(np.stack([beside, beside + 50]))
    assert near_close > 2 * near_wide


def test_images_that_are_there_many_times_are_near_themselves() -> None:
    known = np.concatenate([np.zeros((200, 4)), features(100, 0)[:, :4]])
    fitted = fit_limits(known, known, [4], scores(600, 2))
    assert fitted.in_distribution(known[:5]).all()


def test_features_that_are_no_numbers_are_not_accepted(fitted: Limits) -> None:
    broken = features(3, 5)
    broken[0, 0], broken[1, 1] = np.nan, np.inf
    assert fitted.in_distribution(broken).tolist()[:2] == [False, False]


def test_the_file_gives_the_same_answers(fitted: Limits, tmp_path: Path) -> None:
    FittedLimits(fitted, scores(10, 0), {}).save(tmp_path / "uncertainty.npz")
    read = Limits.read(tmp_path / "uncertainty.npz")
    seen = features(100, 6)
    np.testing.assert_array_equal(read.distances(seen), fitted.distances(seen))


@pytest.mark.parametrize("by_class", [False, True])
def test_sets_hold_the_true_class_as_often_as_promised(by_class: bool) -> None:
    held_out, new = scores(3000, 7), scores(6000, 8)
    known = features(100, 0)
    settings = LimitSettings(coverage=0.9)
    fitted = fit_limits(known, known, [10, 4], held_out, settings=settings, by_class=by_class)
    sets = fitted.prediction_sets(new.probabilities)
    hits = sets[np.arange(len(sets)), new.labels]
    assert hits.mean() == pytest.approx(0.9, abs=0.02)
    for index in range(CLASSES if by_class else 0):
        assert hits[new.labels == index].mean() == pytest.approx(0.9, abs=0.03)


def test_no_set_is_empty() -> None:
    probabilities = np.array([[0.4, 0.3, 0.3], [0.1, 0.8, 0.1]])
    assert prediction_sets(probabilities, np.array([0.9, 0.7, 0.3])).tolist() == [
        [True, False, True],
        [False, True, False],
    ]


def test_a_quantile_counts_the_new_score_too() -> None:
    assert conformal_quantile(np.arange(1.0, 100.0), 0.95) == 95
    assert conformal_quantile(np.arange(1.0, 4.0), 0.95) == 3
