"""What a validation measures, what it says of too few images, and which labels it doubts."""

import numpy as np
import pytest
from sklearn import metrics as reference

from classifier.bundles.schema import LimitsDescription
from classifier.validation.clusters import clusters_of
from classifier.validation.enough import more_images
from classifier.validation.figures import Answered, figures
from classifier.validation.label_errors import suspected_labels
from classifier.validation.report import Estimate, Figures
from tests.factories import limits_described

CLASSES = ("monocyte", "neutrophil", "platelet")


def answered(n: int = 120, *, patients: int = 0, own: int = 0) -> Answered:
    """A model that is right in some eight of ten images, most often where it is confident."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 3, n)
    logits = random.normal(0, 1, (n, 3)) + 2.2 * np.eye(3)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sets = probabilities > 0.2
    names = [CLASSES[label] for label in labels]
    labels[:own] = -1
    names[:own] = ["basophil"] * own
    clusters = np.arange(n) % patients if patients else np.arange(n)
    return Answered(labels, names, probabilities, clusters, random.random(n) < 0.9, sets)


def measured(given: Answered) -> Figures:
    limits = LimitsDescription.model_validate(limits_described())
    return figures(given, CLASSES, limits=limits, home_thresholds={"platelet": 0.3})


def test_figures_are_those_of_scikit_learn() -> None:
    given = answered()
    found = measured(given)
    predicted, labels = given.predicted, given.labels
    precision, recall, f1, support = reference.precision_recall_fscore_support(labels, predicted)
    assert found.accuracy.value == pytest.approx(reference.accuracy_score(labels, predicted))
    assert found.balanced_accuracy.value == pytest.approx(
        reference.balanced_accuracy_score(labels, predicted)
    )
    assert found.auc.value == pytest.approx(
        reference.roc_auc_score(labels, given.probabilities, multi_class="ovr")
    )
    assert found.macro_f1.value == pytest.approx(f1.mean())
    for row, *values in zip(found.per_class, precision, recall, f1, support, strict=True):
        seen = [row.precision.value, row.recall.value, row.f1.value, row.recall.n]
        assert seen == pytest.approx(values)
    assert np.array(found.confusion_matrix).tolist() == (
        reference.confusion_matrix(labels, predicted).tolist()
    )


def test_every_figure_lies_within_its_interval() -> None:
    found = measured(answered())
    assert found.sets is not None
    estimates = [
        found.accuracy, found.balanced_accuracy, found.macro_f1, found.auc,
        found.calibration.overconfidence, found.calibration.brier, *found.calibration.bins_accuracy,
        found.sets.coverage, found.sets.size, found.sets.single, found.sets.accepted,
        found.sets.accepted_accuracy, found.sets.flagged, found.sets.errors_flagged,
        *(point.risk for point in found.risk_coverage),
        *(each for row in found.per_class for each in (row.recall, row.precision, row.specificity,
                                                       row.f1, row.auc)),
        *(each for curve in found.operating for row in curve.rows
          for each in (row.sensitivity, row.specificity)),
    ]  # fmt: skip
    for each in estimates:
        assert each.value is not None
        assert each.interval is not None
        assert each.interval[0] <= each.value <= each.interval[1]


def test_a_higher_threshold_finds_fewer_and_is_right_more_often_about_the_others() -> None:
    curve = measured(answered()).operating[2]
    sensitivities = [row.sensitivity.value for row in curve.rows]
    assert sensitivities == sorted(sensitivities, reverse=True)
    assert curve.rows[-1].specificity.value == pytest.approx(1, abs=0.05)
    assert curve.home_threshold == 0.3


def test_fewer_errors_are_left_among_the_most_confident() -> None:
    points = measured(answered(400)).risk_coverage
    assert points[0].kept == 1
    risks = [point.risk.value or 0.0 for point in points]
    assert risks[-1] < risks[0]


def test_patients_widen_the_intervals() -> None:
    """Each patient's images are here either all right or all wrong."""
    given = answered(200)
    order = np.argsort(given.predicted == given.labels)
    clusters = np.empty(200, np.int64)
    clusters[order] = np.arange(200) // 10
    together = Answered(given.labels, given.names, given.probabilities, clusters)
    alone, grouped = measured(given).accuracy, measured(together).accuracy
    assert alone.interval
    assert grouped.interval
    assert grouped.interval[0] < alone.interval[0]
    assert (grouped.effective_n or 0) < 30


def test_classes_of_ones_own_are_told_apart_from_errors() -> None:
    found = measured(answered(own=12))
    (own,) = found.own_classes
    assert (own.label, own.n, found.n) == ("basophil", 12, 108)
    assert own.refused is not None
    assert own.refused.value is not None


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_images_give_figures_that_say_how_little_that_is(n: int) -> None:
    found = measured(answered(n))
    assert found.accuracy.interval is not None
    low, high = found.accuracy.interval
    assert high - low > 0.6
    assert found.enough[0].needs[0].more > 50


def test_an_image_of_one_class_has_no_area() -> None:
    given = answered(60)
    only = given.part(given.labels == 1)
    found = measured(only)
    assert found.auc.value is None
    assert found.operating == ()
    assert [each.label for each in found.present] == ["neutrophil"]


def test_enough_says_what_makes_the_interval_narrow() -> None:
    """Of what is right in 88 %, the middle of the interval, some 430 images tell ± 3 points."""
    estimate = Estimate(value=0.9, interval=(0.82, 0.95), n=100, effective_n=100.0)
    assert 320 <= more_images(estimate, 0.03) <= 340
    assert more_images(estimate, 0.2) == 0
    half_as_telling = Estimate(value=0.9, interval=(0.8, 0.96), n=100, effective_n=50.0)
    assert 830 <= more_images(half_as_telling, 0.03) <= 870


def test_the_balanced_accuracy_asks_for_the_rare_class() -> None:
    given = answered(300)
    kept = (given.labels != 0) | (np.arange(300) % 20 == 0)
    found = measured(given.part(kept))
    balanced = next(each for each in found.enough if each.label == "balanced accuracy")
    (rare,) = balanced.needs[0].classes
    assert rare.label == "monocyte"
    assert rare.more == balanced.needs[0].more > 0


def test_groups_and_near_duplicates_join() -> None:
    found = clusters_of(["p1", "p1", "", "p2", ""], np.array([0, 1, 2, 1, 3]))
    assert found[0] == found[1] == found[3]
    assert len({found[0], found[2], found[4]}) == 3


def test_wrong_labels_are_found_and_right_ones_left_alone() -> None:
    random = np.random.default_rng(1)
    truth = np.repeat(["a", "b", "c"], 60)
    centres = {name: random.normal(0, 2, 40) for name in "abc"}
    features = np.array([random.normal(centres[name]) for name in truth])
    labels = truth.copy()
    wrong = [3, 70, 150, 151]
    labels[wrong] = ["b", "c", "a", "b"]
    found = suspected_labels(features, list(labels), np.arange(180))
    assert [place for place, name in enumerate(found) if name] == wrong
    assert [found[place] for place in wrong] == list(truth[wrong])


@pytest.mark.parametrize("labels", [["a"], ["a"] * 20, ["a"] * 10 + ["b"] * 2])
def test_too_few_images_are_no_reason_to_doubt_a_label(labels: list[str]) -> None:
    features = np.random.default_rng(0).normal(size=(len(labels), 4))
    assert suspected_labels(features, labels, np.arange(len(labels))) == [""] * len(labels)
