"""Figures of merit of a classifier, from its probabilities and the true classes alone.

Throughout, `labels` are true class indices (N,) int and `probabilities` (N, classes) float, each
row summing to one. Figures are shares in 0–1. A class without examples has recall 0, as in
scikit-learn.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Interval = tuple[float, float]

CALIBRATION_BINS = 15
# 2000 resamples, a hundred at a time so that large test splits fit into memory.
BOOTSTRAP_CHUNKS = 20
BOOTSTRAP_CHUNK = 100


def evaluate(labels: Labels, probabilities: Floats, names: Sequence[str]) -> dict[str, Any]:
    """Compute every figure of `evaluation.json`; `names` are the class labels in index order."""
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), len(names))
    rows = per_class(matrix, names)
    return {
        "n": len(labels),
        "accuracy": accuracy(matrix),
        "auc": auc(labels, probabilities),
        "balanced_accuracy": balanced_accuracy(matrix),
        "per_class": rows,
        "macro_avg": average(rows, np.ones(len(rows))),
        "weighted_avg": average(rows, matrix.sum(axis=1)),
        "confusion_matrix": matrix.tolist(),
        "ece": expected_calibration_error(labels, probabilities),
        "brier": brier_score(labels, probabilities),
        "intervals": {
            "accuracy": list(wilson_interval(int(np.trace(matrix)), len(labels))),
            "auc": list(auc_interval(labels, probabilities)),
        },
    }


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


def per_class(matrix: Labels, names: Sequence[str]) -> list[dict[str, Any]]:
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
    areas = [_binary_auc(labels == index, probabilities[:, index], counts) for index in classes]
    return np.asarray(np.mean(areas, axis=0), np.float64)


def _binary_auc(positive: NDArray[np.bool_], scores: Floats, counts: Floats) -> Floats:
    """Chance that a positive outranks a negative, ties counting half (Hanley and McNeil 1982)."""
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    positives = np.add.reduceat(counts[:, order] * positive[order], starts, axis=1)
    negatives = np.add.reduceat(counts[:, order] * ~positive[order], starts, axis=1)
    outranked = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    wins = (positives * outranked).sum(axis=1)
    areas = np.full(len(counts), np.nan)
    np.divide(wins, pairs, out=areas, where=pairs > 0)
    return areas


def expected_calibration_error(
    labels: Labels, probabilities: Floats, bins: int = CALIBRATION_BINS
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of the confidence.

    Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    # Bins are open on the left and closed on the right, as in the paper.
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(index, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def brier_score(labels: Labels, probabilities: Floats) -> float:
    """Mean over images of the squared error summed over all classes, 0–2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.square(probabilities - truth).sum(axis=1).mean())


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Interval for a share (Wilson 1927, "Probable inference, the law of succession")."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    spread = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    centre = share + z**2 / (2 * trials)
    scale = 1 + z**2 / trials
    return max(0.0, float((centre - spread) / scale)), min(1.0, float((centre + spread) / scale))


def auc_interval(labels: Labels, probabilities: Floats, level: float = 0.95) -> Interval:
    """Percentile bootstrap of `auc`, resampled within each class, always with the same seed."""
    generator = np.random.default_rng(0)
    areas = [
        _weighted_auc(labels, probabilities, _stratified_counts(labels, generator))
        for _ in range(BOOTSTRAP_CHUNKS)
    ]
    low, high = np.quantile(np.concatenate(areas), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _stratified_counts(labels: Labels, generator: np.random.Generator) -> Floats:
    """How often each image occurs in resamples that keep the size of each class."""
    counts = np.empty((BOOTSTRAP_CHUNK, len(labels)))
    for index in np.unique(labels):
        members = np.flatnonzero(labels == index)
        shares = np.full(len(members), 1 / len(members))
        counts[:, members] = generator.multinomial(len(members), shares, BOOTSTRAP_CHUNK)
    return counts
