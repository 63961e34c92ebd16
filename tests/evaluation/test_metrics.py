"""Figures of merit against scikit-learn and against MedMNIST's own definitions."""

import importlib
import sys
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from classifier.bundles.schema import DataFile, Evaluation
from classifier.evaluation import metrics as evaluation
from classifier.evaluation import scores as scores_module
from classifier.evaluation.curves import roc
from classifier.evaluation.evaluate import evaluate
from classifier.statistics.intervals import wilson_interval

Scores = tuple[NDArray[np.int64], NDArray[np.float64]]


@pytest.fixture(params=[2, 8])
def scores(request: pytest.FixtureRequest) -> Scores:
    """True classes of unequal size, and probabilities that are right more often than not."""
    generator = np.random.default_rng(request.param)
    labels = generator.choice(request.param, 300, p=generator.dirichlet(np.full(request.param, 4)))
    raw = generator.normal(size=(300, request.param)) + 1.5 * np.eye(request.param)[labels]
    # Rounded, so that ties occur.
    raw = np.exp(raw.round(1))
    return labels, raw / raw.sum(axis=1, keepdims=True)


def evaluation_of(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Evaluation:
    return evaluate(
        scores_module.Scores(probabilities, labels),
        names_for(probabilities),
        weights_sha256="0" * 64,
        data=DataFile(file="images.npz", sha256="0" * 64),
    )


def names_for(probabilities: NDArray[np.float64]) -> list[str]:
    return [f"class {index}" for index in range(probabilities.shape[1])]


def mean_auc(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    if probabilities.shape[1] == 2:
        return float(metrics.roc_auc_score(labels, probabilities[:, -1]))
    areas = [
        metrics.roc_auc_score((labels == index).astype(float), probabilities[:, index])
        for index in range(probabilities.shape[1])
    ]
    return float(sum(areas) / len(areas))


def test_the_report_is_scikit_learns(scores: Scores) -> None:
    labels, probabilities = scores
    figures = evaluation_of(labels, probabilities)
    expected = metrics.classification_report(
        labels,
        probabilities.argmax(axis=1),
        target_names=names_for(probabilities),
        output_dict=True,
        zero_division=0,
    )
    rows = {row.label: row for row in figures.per_class}
    averages = {"macro avg": figures.macro_avg, "weighted avg": figures.weighted_avg}
    for name, row in (rows | averages).items():
        given = [row.precision, row.recall, row.f1, row.support]
        wanted = [expected[name][key] for key in ("precision", "recall", "f1-score", "support")]
        assert given == pytest.approx(wanted)
    assert figures.accuracy == pytest.approx(expected["accuracy"])


def test_balanced_accuracy_and_confusion_matrix_are_scikit_learns(scores: Scores) -> None:
    labels, probabilities = scores
    predicted = probabilities.argmax(axis=1)
    matrix = evaluation.confusion_matrix(labels, probabilities)
    assert (matrix == metrics.confusion_matrix(labels, predicted)).all()
    expected = metrics.balanced_accuracy_score(labels, predicted)
    assert evaluation.balanced_accuracy(matrix) == pytest.approx(expected)


def test_specificity_is_the_recall_of_all_other_classes(scores: Scores) -> None:
    labels, probabilities = scores
    predicted = probabilities.argmax(axis=1)
    matrix = evaluation.confusion_matrix(labels, probabilities)
    for index, row in enumerate(evaluation.per_class(matrix, names_for(probabilities))):
        expected = metrics.recall_score(labels != index, predicted != index)
        assert row.specificity == pytest.approx(expected)


def test_auc_is_the_mean_of_scikit_learns(scores: Scores) -> None:
    assert evaluation.auc(*scores) == pytest.approx(mean_auc(*scores))


def test_auc_and_accuracy_are_medmnists(scores: Scores, monkeypatch: pytest.MonkeyPatch) -> None:
    # The evaluator imports pandas only to save scores, which nobody here asks for.
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pandas", ModuleType("pandas"))
        evaluator = importlib.import_module("medmnist.evaluator")
    labels, probabilities = scores
    binary = probabilities.shape[1] == 2
    figures = evaluation_of(labels, probabilities)
    task = "binary-class" if binary else "multi-class"
    own = probabilities[:, 1] if binary else probabilities
    assert figures.auc == pytest.approx(evaluator.getAUC(labels[:, None], own, task))
    assert figures.accuracy == pytest.approx(evaluator.getACC(labels[:, None], own, task))


def test_without_examples_of_a_class_the_auc_is_unknown() -> None:
    probabilities = np.array([[0.1, 0.9], [0.2, 0.8]])
    assert np.isnan(evaluation.auc(np.array([1, 1]), probabilities))


def test_brier_score_is_scikit_learns(scores: Scores) -> None:
    labels, probabilities = scores
    expected = metrics.brier_score_loss(labels, probabilities, scale_by_half=False)
    assert evaluation.brier_score(labels, probabilities) == pytest.approx(expected)


def test_calibration_error_of_a_case_worked_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # The bin of 0.9 holds three images, two of them right; that of 0.6 one, which is right.
    expected = 3 / 4 * abs(2 / 3 - 0.9) + 1 / 4 * abs(1 - 0.6)
    assert evaluation.expected_calibration_error(labels, probabilities) == pytest.approx(expected)


def test_certain_and_right_is_perfectly_calibrated() -> None:
    labels = np.array([0, 1, 2])
    assert evaluation.expected_calibration_error(labels, np.eye(3)) == 0
    assert evaluation.brier_score(labels, np.eye(3)) == 0


def test_chance_makes_the_calibration_error_of_a_model_that_is_right_about_itself(
    scores: Scores,
) -> None:
    """Labels drawn from the probabilities themselves, which are then exactly right."""
    _, probabilities = scores
    generator = np.random.default_rng(7)
    drawn = [
        np.array([generator.choice(len(row), p=row) for row in probabilities]) for _ in range(200)
    ]
    errors = [evaluation.expected_calibration_error(labels, probabilities) for labels in drawn]
    low, high = evaluation.calibration_error_by_chance(probabilities)
    assert (low, high) == pytest.approx(np.quantile(errors, [0.025, 0.975]), rel=0.2)


def test_the_brier_score_has_the_interval_of_resampled_images() -> None:
    """Of whole images: here the class alone decides how large the error is."""
    labels = np.repeat([0, 1], 100)
    probabilities = np.tile([0.9, 0.1], (200, 1))
    errors = np.repeat([0.02, 1.62], 100)
    assert evaluation.brier_score(labels, probabilities) == pytest.approx(errors.mean())
    drawn = np.random.default_rng(7).choice(errors, (2000, len(errors))).mean(axis=1)
    expected = np.quantile(drawn, [0.025, 0.975])
    assert evaluation.brier_interval(labels, probabilities) == pytest.approx(expected, abs=0.02)


def test_wilson_interval_of_published_values() -> None:
    """Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 0 of 20."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_auc_interval_holds_the_estimate_and_is_the_same_each_time(scores: Scores) -> None:
    low, high = evaluation.auc_interval(*scores)
    assert low < evaluation.auc(*scores) < high
    assert (low, high) == evaluation.auc_interval(*scores)


def test_auc_interval_agrees_with_delong() -> None:
    """The standard error by DeLong et al. 1988, from the placements of both kinds."""
    generator = np.random.default_rng(3)
    labels = np.repeat([0, 1], [100, 80])
    ones = 1 / (1 + np.exp(-generator.normal(loc=labels * 1.2)))
    negative, positive = ones[:100], ones[100:]
    wins = positive[:, None] > negative[None, :]
    variance = wins.mean(axis=1).var(ddof=1) / 80 + wins.mean(axis=0).var(ddof=1) / 100
    low, high = evaluation.auc_interval(labels, np.column_stack([1 - ones, ones]))
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.08)


def test_class_intervals_are_wilsons_of_their_counts(scores: Scores) -> None:
    labels, probabilities = scores
    figures = evaluation_of(labels, probabilities)
    for index, row in enumerate(figures.per_class):
        hits = figures.confusion_matrix[index][index]
        expected = wilson_interval(hits, row.support)
        assert row.intervals.recall == pytest.approx(expected)
        low, high = row.intervals.specificity
        assert low < row.specificity < high


def test_a_class_without_examples_has_the_widest_interval() -> None:
    labels, probabilities = np.array([0, 1, 1]), np.eye(3)[[0, 1, 0]]
    rows = evaluation.per_class(evaluation.confusion_matrix(labels, probabilities), "abc")
    assert rows[2].intervals is not None
    assert rows[2].intervals.recall == (0, 1)
    assert [curve.label for curve in roc(labels, probabilities, ["a", "b", "c"])] == ["a", "b"]


def test_averages_have_the_intervals_of_resampled_images(scores: Scores) -> None:
    """A plain bootstrap over images, with scikit-learn's figures in each resample."""
    labels, probabilities = scores
    predicted = probabilities.argmax(axis=1)
    figures = evaluation_of(labels, probabilities)
    generator = np.random.default_rng(5)
    values = []
    for _ in range(400):
        drawn = generator.integers(0, len(labels), len(labels))
        precision, _, f1, _ = metrics.precision_recall_fscore_support(
            labels[drawn], predicted[drawn], average="weighted", zero_division=0
        )
        values.append((precision, f1))
    expected = np.quantile(values, [0.025, 0.975], axis=0).T
    given = figures.intervals.weighted_avg
    assert [given.precision, given.f1] == pytest.approx(expected, abs=0.015)
    assert given.recall == figures.intervals.accuracy
    low, high = figures.intervals.balanced_accuracy
    assert low < figures.balanced_accuracy < high
