"""Figures of merit of a classifier, from its probabilities and the true classes alone.

Throughout, `labels` are true class indices (N,) int and `probabilities` (N, classes) float, each
row summing to one. Figures are shares in 0–1. A class without examples has recall 0, as in
scikit-learn.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.curves import (
    CALIBRATION_BINS,
    Scores,
    binary_auc,
    confidence_bins,
    operating_point,
    reliability,
    roc,
)
from classifier.evaluation.intervals import (
    BOOTSTRAP_CHUNK,
    BOOTSTRAP_CHUNKS,
    Interval,
    bootstrap_interval,
    matrix_intervals,
    percentiles,
    wilson_interval,
)

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def evaluate(
    labels: Labels,
    probabilities: Floats,
    names: Sequence[str],
    *,
    positive: str | None = None,
    validation: Scores | None = None,
) -> dict[str, Any]:
    """Compute every figure of `evaluation.json`; `names` are the class labels in index order.

    With a `positive` class and the scores of the `validation` split there is also an operating
    point, whose threshold is chosen on validation.
    """
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), len(names))
    rows = per_class(matrix, names)
    figures = {
        "n": len(labels),
        "accuracy": accuracy(matrix),
        "auc": auc(labels, probabilities),
        "balanced_accuracy": balanced_accuracy(matrix),
        "per_class": with_intervals(rows, len(labels)),
        "macro_avg": average(rows, np.ones(len(rows))),
        "weighted_avg": average(rows, matrix.sum(axis=1)),
        "confusion_matrix": matrix.tolist(),
        "ece": expected_calibration_error(labels, probabilities),
        "brier": brier_score(labels, probabilities),
        "intervals": intervals(labels, probabilities, matrix),
        "reliability": reliability(labels, probabilities),
        "roc": roc(labels, probabilities, names, positive),
    }
    point = (
        operating_point(Scores(probabilities, labels), validation, names, positive)
        if positive and validation
        else None
    )
    return figures | ({"operating_point": point} if point else {})


def intervals(labels: Labels, probabilities: Floats, matrix: Labels) -> dict[str, Any]:
    """Give 95 % intervals: Wilson for accuracy, bootstrap for the others.

    Weighted recall is accuracy by another name, and has its interval. The calibration error has
    none; `ece_by_chance` says where that of a perfectly calibrated model would lie.
    """
    share = list(wilson_interval(int(np.trace(matrix)), len(labels)))
    drawn = matrix_intervals(_weighted_figures, matrix)
    return {
        "accuracy": share,
        "auc": list(auc_interval(labels, probabilities)),
        "balanced_accuracy": list(drawn["balanced_accuracy"]),
        "brier": list(brier_interval(labels, probabilities)),
        "ece_by_chance": list(calibration_error_by_chance(probabilities)),
        "weighted_avg": {
            "precision": list(drawn["precision"]),
            "recall": share,
            "f1": list(drawn["f1"]),
        },
    }


def _weighted_figures(matrix: Labels) -> dict[str, float]:
    means = average(per_class(matrix, range(len(matrix))), matrix.sum(axis=1))
    figures = {key: means[key] for key in ("precision", "f1")}
    return figures | {"balanced_accuracy": balanced_accuracy(matrix)}


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> Labels:
    """Count (classes, classes) int64: rows are true classes, columns predicted ones."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def accuracy(matrix: Labels) -> float:
    """Share of images on the diagonal of a confusion matrix."""
    return float(np.trace(matrix) / matrix.sum())


def balanced_accuracy(matrix: Labels) -> float:
    """Mean recall over the classes that have examples."""
    support = matrix.sum(axis=1)
    present = support > 0
    return float((np.diag(matrix)[present] / support[present]).mean())


def per_class(matrix: Labels, names: Sequence[object]) -> list[dict[str, Any]]:
    """Give precision, recall, F1, specificity and support of each class against the rest."""
    hits = np.diag(matrix)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    others = matrix.sum() - support
    columns = {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + predicted),
        "specificity": _ratio(others - (predicted - hits), others),
    }
    return [
        {"label": name}
        | {key: float(values[index]) for key, values in columns.items()}
        | {"support": int(support[index])}
        for index, name in enumerate(names)
    ]


def with_intervals(rows: Sequence[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """Add Wilson's intervals to the two figures of `per_class` that are shares of true classes."""
    return [
        row
        | {
            "intervals": {
                "recall": _share_interval(row["recall"], row["support"]),
                "specificity": _share_interval(row["specificity"], n - row["support"]),
            }
        }
        for row in rows
    ]


def _share_interval(share: float, trials: int) -> list[float]:
    return list(wilson_interval(round(share * trials), trials))


def _ratio(numerator: Labels, denominator: Labels) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def average(rows: Sequence[dict[str, Any]], weights: NDArray[Any]) -> dict[str, Any]:
    """Weighted mean over the classes of each figure of `per_class`, and the support in all."""
    keys = ("precision", "recall", "f1", "specificity")
    means = {key: float(np.average([row[key] for row in rows], weights=weights)) for key in keys}
    return means | {"support": sum(row["support"] for row in rows)}


def auc(labels: Labels, probabilities: Floats) -> float:
    """Area under the ROC curve as MedMNIST defines it; nan when a class has no examples.

    Two classes: on the probability of class 1. More: the unweighted mean over the classes of one
    against the rest (`getAUC` in medmnist/evaluator.py).
    """
    return float(_weighted_auc(labels, probabilities, np.ones((1, len(labels))))[0])


def _weighted_auc(labels: Labels, probabilities: Floats, counts: Floats) -> Floats:
    """Give the AUC (R,) of R resamples, in which each image occurs `counts` (R, N) times."""
    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [binary_auc(labels == index, probabilities[:, index], counts) for index in classes]
    return np.asarray(np.mean(areas, axis=0), np.float64)


def auc_interval(labels: Labels, probabilities: Floats) -> Interval:
    """95 % percentile bootstrap of `auc`."""
    return bootstrap_interval(lambda counts: _weighted_auc(labels, probabilities, counts), labels)


def expected_calibration_error(labels: Labels, probabilities: Floats) -> float:
    """Mean gap between confidence and accuracy over the bins of `reliability`.

    Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    correct = probabilities.argmax(axis=1) == labels
    return float(_calibration_errors(correct[None], probabilities)[0])


def _calibration_errors(correct: NDArray[np.bool_], probabilities: Floats) -> Floats:
    """Give the error (R,) for R ways (R, N) in which the predictions could have been right."""
    gaps = correct - probabilities.max(axis=1)
    bins = confidence_bins(probabilities)[:, None] == np.arange(CALIBRATION_BINS)
    return np.asarray(np.abs(gaps @ bins).sum(axis=1) / len(probabilities), np.float64)


def calibration_error_by_chance(probabilities: Floats) -> Interval:
    """Give the range of 95 % of the errors of a model whose confidence is exactly right.

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


def brier_score(labels: Labels, probabilities: Floats) -> float:
    """Mean over images of the squared error summed over all classes, 0–2 (Brier 1950)."""
    return float(_squared_errors(labels, probabilities).mean())


def brier_interval(labels: Labels, probabilities: Floats) -> Interval:
    """95 % percentile bootstrap of `brier_score`, whatever the class of an image."""
    errors = _squared_errors(labels, probabilities)
    return bootstrap_interval(lambda counts: counts @ errors / len(errors), np.zeros_like(labels))


def _squared_errors(labels: Labels, probabilities: Floats) -> Floats:
    truth = np.eye(probabilities.shape[1])[labels]
    return np.asarray(np.square(probabilities - truth).sum(axis=1), np.float64)
