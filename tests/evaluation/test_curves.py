"""ROC curves, reliability and operating points against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import calibration, metrics

from classifier.evaluation import curves
from classifier.evaluation import metrics as evaluation
from classifier.evaluation.scores import Scores
from classifier.statistics.intervals import wilson_interval

PAIR = ["malignant", "normal, benign"]


def binary_scores(count: int, seed: int, decimals: int = 12) -> Scores:
    generator = np.random.default_rng(seed)
    labels = generator.choice(2, count, p=[0.3, 0.7])
    first = 1 / (1 + np.exp(generator.normal(loc=1.5 * labels, size=count) - 0.5))
    first = first.round(decimals)
    return Scores(np.column_stack([first, 1 - first]), labels)


@pytest.mark.parametrize("decimals", [1, 12], ids=["tied", "distinct"])
@pytest.mark.parametrize("count", [60, 3000])
def test_the_curve_runs_along_scikit_learns(count: int, decimals: int) -> None:
    scores = binary_scores(count, 1, decimals)
    labels, probabilities = scores.labels, scores.probabilities
    [curve] = curves.roc(labels, probabilities, PAIR, "malignant")
    given = np.array(curve.points)
    false, true, _ = metrics.roc_curve(labels == 0, probabilities[:, 0], drop_intermediate=False)
    along = np.column_stack([false, true])
    gaps = np.abs(given[:, None] - along[None]).max(axis=2).min(axis=1)
    assert gaps.max() < 1e-5, "a point is not on the curve"
    # Both rates rise along the curve, and so does their sum.
    drawn = np.interp(along.sum(axis=1), given.sum(axis=1), given[:, 1])
    assert np.abs(drawn - true).max() < 0.01, "the shape changed"
    assert len(given) <= 100
    assert given[0].tolist() == [0, 0]
    assert given[-1].tolist() == [1, 1]


def test_the_area_is_scikit_learns_and_medmnists() -> None:
    scores = binary_scores(300, 2, 2)
    labels, probabilities = scores.labels, scores.probabilities
    [curve] = curves.roc(labels, probabilities, PAIR, "malignant")
    assert curve.label == "malignant"
    expected = metrics.roc_auc_score(labels == 0, probabilities[:, 0])
    assert curve.auc == pytest.approx(expected)
    # MedMNIST scores label 1; of two classes each has the mirror image of the other's curve.
    assert curve.auc == pytest.approx(evaluation.auc(labels, probabilities))
    assert curves.roc(labels, probabilities, PAIR)[0].label == "normal, benign"


def test_more_classes_have_a_curve_each_whose_mean_area_is_the_auc() -> None:
    generator = np.random.default_rng(3)
    labels = generator.choice(4, 200)
    probabilities = generator.dirichlet(np.ones(4), 200) / 2 + np.eye(4)[labels] / 2
    given = curves.roc(labels, probabilities, list("abcd"))
    assert [curve.label for curve in given] == list("abcd")
    mean = np.mean([curve.auc for curve in given])
    assert mean == pytest.approx(evaluation.auc(labels, probabilities))


def test_reliability_is_scikit_learns_calibration_curve() -> None:
    scores = binary_scores(500, 4)
    labels, probabilities = scores.labels, scores.probabilities
    bins = curves.reliability(labels, probabilities)
    confidence = probabilities.max(axis=1)
    accuracy, mean_confidence = calibration.calibration_curve(
        probabilities.argmax(axis=1) == labels, confidence, n_bins=curves.CALIBRATION_BINS
    )
    assert [each.accuracy for each in bins] == pytest.approx(accuracy)
    assert [each.confidence for each in bins] == pytest.approx(mean_confidence)
    assert sum(each.count for each in bins) == 500
    gaps = [each.count / 500 * abs(each.accuracy - each.confidence) for each in bins]
    expected = evaluation.expected_calibration_error(labels, probabilities)
    assert sum(gaps) == pytest.approx(expected)


def test_the_threshold_is_validations_and_the_figures_are_tests() -> None:
    test, validation = binary_scores(150, 5, 2), binary_scores(80, 6, 2)
    point = curves.operating_point(test, validation, PAIR, "malignant")
    assert point is not None

    # The best vertex of scikit-learn's curve on validation with enough sensitivity.
    false, true, thresholds = metrics.roc_curve(
        validation.labels == 0, validation.probabilities[:, 0], drop_intermediate=False
    )
    vertices = zip(-false, true, thresholds, strict=True)
    best = max(vertex for vertex in vertices if vertex[1] >= 0.9)
    assert point.threshold == best[2]
    assert point.validation.as_json() == {
        "n": 80,
        "sensitivity": best[1],
        "specificity": 1 + best[0],
    }

    positive, called = test.labels == 0, test.probabilities[:, 0] >= point.threshold
    assert point.sensitivity == pytest.approx(metrics.recall_score(positive, called))
    assert point.specificity == pytest.approx(metrics.recall_score(~positive, ~called))
    assert point.n_positive + point.n_negative == 150
    hits = int((positive & called).sum())
    expected = wilson_interval(hits, point.n_positive)
    assert point.intervals.sensitivity == pytest.approx(expected)


def test_thresholds_of_equal_specificity_are_told_apart_by_sensitivity() -> None:
    # Both 0.8 and 0.6 let no benign image through; 0.6 finds all ten malignant ones, not nine.
    first = np.array([0.8] * 9 + [0.6, 0.5, 0.4])
    scores = Scores(np.column_stack([first, 1 - first]), np.array([0] * 10 + [1] * 2))
    point = curves.operating_point(scores, scores, PAIR, "malignant")
    assert point is not None
    assert point.threshold == 0.6
    assert (point.sensitivity, point.specificity) == (1, 1)


def test_without_either_kind_there_is_no_operating_point() -> None:
    scores, one_sided = binary_scores(50, 7), Scores(np.full((3, 2), 0.5), np.ones(3, np.int64))
    assert curves.operating_point(scores, one_sided, PAIR, "malignant") is None
    assert curves.operating_point(one_sided, scores, PAIR, "malignant") is None
