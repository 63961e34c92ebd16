"""Metrics of a classifier, from its probabilities and the true classes alone.

Throughout, `labels` are true class indices (N,) int and `probabilities` (N, classes) float, each
row summing to one. Metrics are proportions in 0–1. A class without examples has recall 0, as in
scikit-learn. What has an interval by bootstrap is computed from counts of images, so that estimate
and resamples share one formula.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from classifier.bundles.schema import (
    AverageIntervals,
    Averages,
    ClassMetrics,
    Intervals,
    RateIntervals,
)
from classifier.evaluation.curves import CALIBRATION_BINS, confidence_bins, resampled_auc
from classifier.evaluation.scores import Flags, Floats, Labels
from classifier.statistics.intervals import (
    BOOTSTRAP_CHUNK,
    BOOTSTRAP_CHUNKS,
    Interval,
    bootstrap_interval,
    matrix_intervals,
    percentiles,
    wilson_interval,
)


def confusion_matrix(labels: Labels, probabilities: Floats) -> Labels:
    """Counts (classes, classes): rows are true classes, columns predicted ones."""
    classes = range(probabilities.shape[1])
    matrix: Labels = metrics.confusion_matrix(labels, probabilities.argmax(axis=1), labels=classes)
    return matrix


def accuracy(matrix: Labels) -> float:
    """Proportion of images on the diagonal of a confusion matrix."""
    return float(np.trace(matrix) / matrix.sum())


def balanced_accuracy(matrix: Labels) -> float:
    """Mean recall over the classes that have examples."""
    support = matrix.sum(axis=1)
    present = support > 0
    return float((np.diag(matrix)[present] / support[present]).mean())


def per_class(matrix: Labels, names: Sequence[str]) -> tuple[ClassMetrics, ...]:
    """Precision, recall, F1, specificity and support of each class against the rest.

    Recall and specificity are proportions of the images of a class, or of the others, and have
    Wilson's intervals.
    """
    true_positives = np.diag(matrix)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    others = matrix.sum() - support
    true_negatives = others - (predicted - true_positives)
    precision, recall = _ratio(true_positives, predicted), _ratio(true_positives, support)
    f1 = _ratio(2 * true_positives, support + predicted)
    specificity = _ratio(true_negatives, others)
    return tuple(
        ClassMetrics(
            label=name,
            precision=float(precision[index]),
            recall=float(recall[index]),
            f1=float(f1[index]),
            specificity=float(specificity[index]),
            support=int(support[index]),
            intervals=RateIntervals(
                recall=wilson_interval(int(true_positives[index]), int(support[index])),
                specificity=wilson_interval(int(true_negatives[index]), int(others[index])),
            ),
        )
        for index, name in enumerate(names)
    )


def _ratio(numerator: Labels, denominator: Labels) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def average(rows: Sequence[ClassMetrics], weights: NDArray[Any]) -> Averages:
    """Weighted mean over the classes of each metric of `per_class`, and the support in all."""

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=weights))

    return Averages(
        precision=mean([row.precision for row in rows]),
        recall=mean([row.recall for row in rows]),
        f1=mean([row.f1 for row in rows]),
        specificity=mean([row.specificity for row in rows]),
        support=sum(row.support for row in rows),
    )


def auc(labels: Labels, probabilities: Floats) -> float:
    """Area under the ROC curve as MedMNIST defines it; nan when all images are of one class.

    Two classes: on the probability of class 1. More: the unweighted mean over the classes of one
    against the rest (`getAUC` in medmnist/evaluator.py); those without examples are left out.
    """
    return float(_mean_auc(labels, probabilities, np.ones((1, len(labels))))[0])


def _mean_auc(labels: Labels, probabilities: Floats, counts: Floats) -> Floats:
    """The AUC (R,) of R resamples, in which each image occurs `counts` (R, N) times."""
    classes = [1] if probabilities.shape[1] == 2 else np.unique(labels)
    areas = [resampled_auc(labels == index, probabilities[:, index], counts) for index in classes]
    return np.asarray(np.mean(areas, axis=0), np.float64)


def expected_calibration_error(labels: Labels, probabilities: Floats) -> float:
    """Mean gap between confidence and accuracy over `curves.confidence_bins`.

    Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    correct = probabilities.argmax(axis=1) == labels
    return float(_calibration_errors(correct[None], probabilities)[0])


def _calibration_errors(correct: Flags, probabilities: Floats) -> Floats:
    """The error (R,) for R ways (R, N) in which the predictions could have been right."""
    gaps = correct - probabilities.max(axis=1)
    bins = confidence_bins(probabilities)[:, None] == np.arange(CALIBRATION_BINS)
    return np.asarray(np.abs(gaps @ bins).sum(axis=1) / len(probabilities), np.float64)


def brier_score(labels: Labels, probabilities: Floats) -> float:
    """Mean over images of the squared error summed over all classes, 0–2 (Brier 1950)."""
    return float(_squared_errors(labels, probabilities).mean())


def _squared_errors(labels: Labels, probabilities: Floats) -> Floats:
    truth = np.eye(probabilities.shape[1])[labels]
    return np.asarray(np.square(probabilities - truth).sum(axis=1), np.float64)


def intervals(labels: Labels, probabilities: Floats, matrix: Labels) -> Intervals:
    """95 % intervals: Wilson for accuracy, bootstrap for the others.

    Weighted recall is accuracy by another name, and has its interval. The calibration error has
    none; `ece_by_chance` says where that of a perfectly calibrated model would lie.
    """
    right = wilson_interval(int(np.trace(matrix)), len(labels))
    drawn = matrix_intervals(_matrix_metrics, matrix)
    return Intervals(
        accuracy=right,
        auc=auc_interval(labels, probabilities),
        balanced_accuracy=drawn["balanced_accuracy"],
        brier=brier_interval(labels, probabilities),
        ece_by_chance=calibration_error_by_chance(probabilities),
        weighted_avg=AverageIntervals(precision=drawn["precision"], recall=right, f1=drawn["f1"]),
    )


def _matrix_metrics(matrix: Labels) -> dict[str, float]:
    """Those of `intervals` that follow from the matrix; averages are weighted by support."""
    support, predicted, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    return {
        "precision": float(np.average(_ratio(right, predicted), weights=support)),
        "f1": float(np.average(_ratio(2 * right, support + predicted), weights=support)),
        "balanced_accuracy": balanced_accuracy(matrix),
    }


def auc_interval(labels: Labels, probabilities: Floats) -> Interval:
    """95 % percentile bootstrap of `auc`."""
    return bootstrap_interval(lambda counts: _mean_auc(labels, probabilities, counts), labels)


def brier_interval(labels: Labels, probabilities: Floats) -> Interval:
    """95 % percentile bootstrap of `brier_score`, whatever the class of an image."""
    errors = _squared_errors(labels, probabilities)
    return bootstrap_interval(lambda counts: counts @ errors / len(errors), np.zeros_like(labels))


def calibration_error_by_chance(probabilities: Floats) -> Interval:
    """The range of 95 % of the errors of a model whose confidence is exactly right.

    Chance alone makes accuracy and confidence differ in bins of few images. After the consistency
    resampling of Bröcker and Smith 2007, "Increasing the reliability of reliability diagrams", but
    with the confidence of the N images as it is. Always with the same seed.
    """
    generator = np.random.default_rng(0)
    confidence = probabilities.max(axis=1)
    drawn = (
        generator.random((BOOTSTRAP_CHUNK, len(confidence))) < confidence
        for _ in range(BOOTSTRAP_CHUNKS)
    )
    errors = [_calibration_errors(correct, probabilities) for correct in drawn]
    return percentiles(np.concatenate(errors))
