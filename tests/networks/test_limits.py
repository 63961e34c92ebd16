"""What is unlike the training data, and which classes may be right, from plain numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.evaluation.conformal import conformal_quantile
from classifier.evaluation.scores import Scores
from classifier.networks.limits import Judgement, Limits, prediction_sets, shares_among
from classifier.training.fit_limits import FittedLimits, fit_limits, graded
from classifier.training.recipe import LimitSettings

LATER = {"outer_limit", "widened"}
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


def judged_by(limits: Limits, seen: np.ndarray) -> Judgement:
    return limits.judge(np.full((len(seen), CLASSES), 1 / CLASSES), seen)


def test_images_like_the_training_data_are_accepted(fitted: Limits) -> None:
    judged = judged_by(fitted, features(2000, 3))
    assert judged.unlike.mean() == pytest.approx(0.02, abs=0.015)
    assert not judged.unusual.any()


@pytest.mark.parametrize("shift", [np.full(14, 50.0), np.r_[np.zeros(10), 1.0, 0, 0, 0]])
def test_a_shift_in_either_layer_is_seen(fitted: Limits, shift: np.ndarray) -> None:
    assert judged_by(fitted, features(50, 4) + shift).unlike.all()


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
    assert not judged_by(fitted, known[:5]).unlike.any()


def test_features_that_are_no_numbers_are_not_accepted(fitted: Limits) -> None:
    broken = features(3, 5)
    broken[0, 0], broken[1, 1] = np.nan, np.inf
    assert judged_by(fitted, broken).unlike.tolist()[:2] == [True, True]


def test_the_file_gives_the_same_answers(fitted: Limits, tmp_path: Path) -> None:
    FittedLimits(fitted, scores(10, 0), {}).save(tmp_path / "uncertainty.npz")
    read = Limits.read(tmp_path / "uncertainty.npz")
    seen = features(100, 6)
    np.testing.assert_array_equal(read.distances(seen), fitted.distances(seen))


def test_a_file_of_an_earlier_release_calls_no_image_unusual(
    fitted: Limits, tmp_path: Path
) -> None:
    path = tmp_path / "uncertainty.npz"
    arrays = vars(replace(fitted, outer_limit=2 * fitted.limit))
    np.savez(path, **{name: arrays[name] for name in arrays if name not in LATER})
    seen = features(2000, 3)
    judged = judged_by(Limits.read(path), seen)
    assert not judged.unusual.any()
    assert judged.unlike.tolist() == (fitted.distances(seen) > fitted.limit).tolist()


def test_between_the_limits_an_image_is_unusual_and_its_set_wider(fitted: Limits) -> None:
    seen = features(2000, 3)
    near, far = np.quantile(fitted.distances(seen), [0.5, 0.9])
    graded = replace(
        fitted, limit=near, outer_limit=far, thresholds=np.full(CLASSES, 0.5),
        widened=np.full(CLASSES, 0.1),
    )  # fmt: skip
    probabilities = np.tile([0.8, 0.15, 0.05], (len(seen), 1))
    judged = graded.judge(probabilities, seen)
    assert judged.unusual.mean() == pytest.approx(0.4, abs=0.01)
    assert judged.unlike.mean() == pytest.approx(0.1, abs=0.01)
    assert not (judged.unusual & judged.unlike).any()
    assert (judged.sets.sum(axis=1) == np.where(judged.unusual, 2, 1)).all()


@pytest.mark.parametrize("by_class", [False, True])
def test_sets_hold_the_true_class_as_often_as_promised(by_class: bool) -> None:
    held_out, new = scores(3000, 7), scores(6000, 8)
    known = features(100, 0)
    settings = LimitSettings(coverage=0.9)
    fitted = fit_limits(known, known, [10, 4], held_out, settings=settings, by_class=by_class)
    sets = prediction_sets(new.probabilities, fitted.thresholds)
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


def test_limits_in_three_steps_follow_the_shifted_images(fitted: Limits) -> None:
    """Images shifted up to far away, of which the farthest are guessed at."""
    generator = np.random.default_rng(11)
    share = np.linspace(0, 1, 2000)
    seen = features(2000, 12) + share[:, None] * 30
    labels = generator.integers(0, CLASSES, 2000)
    sure = 0.98 - 0.6 * share
    probabilities = np.repeat(((1 - sure) / 2)[:, None], CLASSES, axis=1)
    probabilities[np.arange(2000), labels] = sure
    settings = LimitSettings(coverage=0.9)
    limits = graded(fitted, seen, Scores(probabilities, labels), scores(400, 13), settings)
    judged = limits.judge(probabilities, seen)
    assert (~judged.unlike & ~judged.unusual).mean() == pytest.approx(0.8, abs=0.01)
    assert judged.unusual.mean() == pytest.approx(0.1, abs=0.01)
    assert judged.unlike[-150:].all()
    assert limits.widened[0] < limits.thresholds[0]
    covered = judged.sets[np.arange(2000), labels][judged.unusual]
    assert covered.mean() >= 0.89
    assert not limits.judge(np.full((200, CLASSES), 0.3), features(200, 14)).unusual.any()


def test_among_some_classes_sets_hold_the_true_one_as_often_as_promised(fitted: Limits) -> None:
    known = scores(800, 2)
    limits = replace(fitted, probabilities=known.probabilities, labels=known.labels)
    fresh = scores(4000, 8)
    for possible in ([0, 1], [0, 2], [1, 2]):
        among = np.isin(fresh.labels, possible)
        judged = limits.among(possible, 0.95).judge(
            fresh.probabilities[among], features(among.sum(), 3), possible
        )
        own = np.searchsorted(possible, fresh.labels[among])
        assert judged.sets[np.arange(len(own)), own].mean() >= 0.94
        assert judged.sets.shape[1] == len(possible)


def test_what_looks_like_an_excluded_class_is_unusual(fitted: Limits) -> None:
    seen = features(2, 3)
    judged = fitted.judge(np.array([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1]]), seen, [0, 1])
    assert judged.unusual.tolist() == [True, False]
    assert judged.sets[0].any()


def test_shares_among_classes_that_are_given_nothing_are_equal() -> None:
    shares = shares_among(np.array([[0.0, 0.0, 1.0], [0.3, 0.1, 0.6]]), [0, 1])
    assert shares == pytest.approx(np.array([[0.5, 0.5], [0.75, 0.25]]))
