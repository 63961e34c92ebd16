"""Agreement against scikit-learn, published examples, and where it is undefined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from classifier.statistics.agreement import (
    MISSING,
    cohens_kappa,
    disagreements,
    krippendorff_alpha,
    pair_agreement,
)
from classifier.statistics.intervals import wilson_interval

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability": four observers, twelve units.
PUBLISHED = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3],
    [-1, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, -1],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, -1],
])  # fmt: skip

answers_of_readers = st.integers(2, 4).flatmap(
    lambda readers: st.lists(
        st.lists(st.integers(-1, 3), min_size=readers, max_size=readers), min_size=1, max_size=12
    )
)


def readers(accuracy: float, *, images: int, seed: int, number: int = 2) -> NDArray[np.int64]:
    """Answers (number, images) of readers who each see the truth or say anything."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(4, images, p=[0.5, 0.3, 0.15, 0.05])
    guesses = generator.integers(4, size=(number, images))
    return np.where(generator.random((number, images)) < accuracy, truth, guesses)


def test_alpha_is_that_of_the_published_example() -> None:
    alpha = krippendorff_alpha(PUBLISHED)
    assert alpha.value == pytest.approx(0.743, abs=5e-4)
    assert alpha.n == 11
    assert alpha.interval is not None
    assert 0.3 < alpha.interval[0] < 0.743 < alpha.interval[1] <= 1


def test_kappa_is_that_of_the_textbook_example() -> None:
    """Fifty grant proposals read by two: 20 and 15 alike; kappa is 0.4."""
    kappa = cohens_kappa(np.array([[20, 5], [10, 15]]))
    assert kappa.value == pytest.approx(0.4)
    # Asymptotic standard error after Fleiss, Cohen and Everitt 1969.
    assert kappa.interval == pytest.approx((0.4 - 1.96 * 0.127, 0.4 + 1.96 * 0.127), abs=0.03)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_kappa_is_scikit_learns(seed: int) -> None:
    one, other = readers(0.6, images=40, seed=seed)
    ours = pair_agreement(one, other)
    assert ours.kappa.value == pytest.approx(cohen_kappa_score(one, other))
    assert ours.same == (one == other).sum()
    assert ours.interval == wilson_interval(ours.same, 40)


def test_alpha_of_two_complete_readers_is_nearly_kappa() -> None:
    answers = readers(0.7, images=500, seed=3)
    kappa = pair_agreement(*answers).kappa
    alpha = krippendorff_alpha(answers)
    assert alpha.value == pytest.approx(kappa.value, abs=0.005)
    assert alpha.interval == pytest.approx(kappa.interval, abs=0.01)


def test_intervals_cover_the_true_agreement_as_often_as_they_say() -> None:
    truth = pair_agreement(*readers(0.7, images=1_000_000, seed=0)).kappa.value
    covered = np.array([
        [low <= truth <= high for low, high in (kappa.interval, alpha.interval)]
        for answers in (readers(0.7, images=100, seed=seed) for seed in range(1, 301))
        for kappa in [pair_agreement(*answers).kappa]
        for alpha in [krippendorff_alpha(answers)]
    ])  # fmt: skip
    assert covered.mean(axis=0) == pytest.approx(0.95, abs=0.02)


def test_only_images_that_both_answered_count() -> None:
    pair = pair_agreement(np.array([0, 1, MISSING, 2]), np.array([0, 2, 1, MISSING]))
    assert (pair.n, pair.same, pair.proportion) == (2, 1, 0.5)


def test_no_image_in_common_is_said() -> None:
    pair = pair_agreement(np.array([0, MISSING]), np.array([MISSING, 1]))
    assert (pair.n, pair.proportion, pair.interval) == (0, None, None)
    assert pair.kappa.value is pair.kappa.interval is None
    assert "answered by both" in pair.kappa.reason
    alpha = krippendorff_alpha(np.array([[0, MISSING], [MISSING, 1]]))
    assert alpha.value is alpha.interval is None
    assert "answered by two" in alpha.reason


def test_no_answer_at_all_is_no_image_in_common() -> None:
    assert krippendorff_alpha(np.full((3, 4), MISSING)).n == 0
    assert krippendorff_alpha(np.empty((3, 0), np.int64)).n == 0


def test_where_all_say_the_same_chance_is_not_known() -> None:
    answers = np.zeros((2, 9), np.int64)
    pair = pair_agreement(*answers)
    assert pair.proportion == 1
    for coefficient in (pair.kappa, krippendorff_alpha(answers)):
        assert coefficient.value is coefficient.interval is None
        assert coefficient.reason == "All answers are the same."


def test_one_image_gives_no_interval() -> None:
    answers = np.array([[0], [1]])
    for coefficient in (pair_agreement(*answers).kappa, krippendorff_alpha(answers)):
        assert coefficient.value == 0
        assert coefficient.interval is None
        assert "One image" in coefficient.reason


def test_agreement_on_a_few_images_is_not_certain() -> None:
    answers = np.array([[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]] * 2)
    for coefficient in (pair_agreement(*answers).kappa, krippendorff_alpha(answers)):
        assert coefficient.value == 1
        assert coefficient.interval is not None
        assert 0.2 < coefficient.interval[0] < 0.8
        assert coefficient.interval[1] == 1
    many = pair_agreement(*np.tile(answers, 50)).kappa
    assert many.interval is not None
    assert many.interval[0] > 0.98


@settings(deadline=None)
@given(answers_of_readers)
def test_any_answers_give_coefficients_in_range_or_a_reason(rows: list[list[int]]) -> None:
    answers = np.array(rows, np.int64).T
    pairs = [pair_agreement(one, other) for one in answers for other in answers]
    for coefficient in (krippendorff_alpha(answers), *(pair.kappa for pair in pairs)):
        assert (coefficient.value is None or coefficient.interval is None) == bool(
            coefficient.reason
        )
        if coefficient.value is not None:
            assert -1 <= coefficient.value <= 1
        if coefficient.interval is not None:
            low, high = coefficient.interval
            assert -1 - 1e-9 <= low <= high <= 1


@settings(deadline=None)
@given(answers_of_readers, st.permutations(range(4)))
def test_the_order_of_labels_and_readers_means_nothing(
    rows: list[list[int]], names: list[int]
) -> None:
    answers = np.array(rows, np.int64).T
    renamed = np.where(answers == MISSING, MISSING, np.array(names)[answers])[::-1]
    assert krippendorff_alpha(renamed).value == pytest.approx(krippendorff_alpha(answers).value)
    assert disagreements(renamed).tolist() == disagreements(answers).tolist()


def test_readers_stand_beside_models() -> None:
    people = np.array([[0, 1, 1, 0], [0, 1, MISSING, MISSING]])
    models = np.array([[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0]])
    table = [[pair_agreement(person, model) for model in models] for person in people]
    assert [[(pair.same, pair.n) for pair in row] for row in table] == [
        [(3, 4), (3, 4), (4, 4)],
        [(2, 2), (1, 2), (2, 2)],
    ]


def test_disagreements_are_images_that_two_named_differently() -> None:
    assert disagreements(PUBLISHED).tolist() == [1, 5, 7]
    assert disagreements(np.array([[MISSING, 2, 1], [0, MISSING, 0]])).tolist() == [2]
    assert disagreements(np.empty((2, 0), np.int64)).tolist() == []
