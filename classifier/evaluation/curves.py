"""Curves behind the figures: receiver operating characteristic, reliability, operating point.

Shapes and ranges are those of `classifier.evaluation.metrics`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.intervals import wilson_interval

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CALIBRATION_BINS = 15
ROC_POINTS = 100
ROC_DECIMALS = 5
TARGET_SENSITIVITY = 0.9


@dataclass(frozen=True)
class Scores:
    """Probabilities (N, classes) that a network gave images it was not trained on, and labels (N,).

    For a small dataset, those of all networks of a cross-validation together.
    """

    probabilities: Floats
    labels: Labels

    @classmethod
    def read(cls, path: Path) -> Self:
        """From an uncertainty.npz. Raises OSError, ValueError and KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            probabilities = stored["probabilities"].astype(np.float64)
            return cls(probabilities, stored["labels"].astype(np.int64))


def binary_auc(positive: Flags, scores: Floats, counts: Floats) -> Floats:
    """Give the AUC (R,) of R resamples in which each image occurs `counts` (R, N) times.

    The chance that a positive outranks a negative, ties counting half (Hanley and McNeil 1982);
    nan where a resample lacks either kind.
    """
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


def roc(
    labels: Labels, probabilities: Floats, names: Sequence[str], positive: str | None = None
) -> list[dict[str, Any]]:
    """Give each class's curve against the rest: label, AUC and points [false, true positive rate].

    For two classes only the curve of `positive`, or of class 1 where none is named: the other is
    its mirror image. A class without examples, or without any others, has no curve.
    """
    chosen = [names.index(positive or names[1])] if len(names) == 2 else range(len(names))
    return [
        _class_roc(labels == index, probabilities[:, index], names[index])
        for index in chosen
        if 0 < np.count_nonzero(labels == index) < len(labels)
    ]


def _class_roc(positive: Flags, scores: Floats, name: str) -> dict[str, Any]:
    area = binary_auc(positive, scores, np.ones((1, len(scores))))[0]
    points = _thinned(_corners(_cumulative_counts(positive, scores)))
    return {"label": name, "auc": float(area), "points": points.round(ROC_DECIMALS).tolist()}


def _cumulative_counts(positive: Flags, scores: Floats) -> Labels:
    """Give (T + 1, 2) false and true positives at each of the T thresholds, the highest first."""
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    counts = np.stack([np.cumsum(~positive[order]), np.cumsum(positive[order])], axis=1)
    return np.concatenate([[[0, 0]], counts[last_of_ties]])


def _corners(counts: Labels) -> Labels:
    """Leave out the points on a straight line between their neighbours."""
    before, after = np.diff(counts, axis=0)[:-1], np.diff(counts, axis=0)[1:]
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    corners: Labels = counts[np.concatenate([[True], turns, [True]])]
    return corners


def _thinned(counts: Labels) -> Floats:
    """Turn counts into rates, and keep at most ROC_POINTS of them, evenly along the curve."""
    rates: Floats = counts / counts[-1]
    if len(rates) <= ROC_POINTS:
        return rates
    along = rates.sum(axis=1)
    return rates[np.unique(np.searchsorted(along, np.linspace(0, along[-1], ROC_POINTS)))]


def confidence_bins(probabilities: Floats) -> Labels:
    """Give the number (N,), from 0, of the equal-width bin of each image's confidence.

    Bins are open on the left and closed on the right: Guo et al. 2017, "On calibration of modern
    neural networks", section 2.
    """
    index = np.ceil(probabilities.max(axis=1) * CALIBRATION_BINS).astype(np.int64) - 1
    return np.asarray(np.clip(index, 0, CALIBRATION_BINS - 1), np.int64)


def reliability(labels: Labels, probabilities: Floats) -> list[dict[str, Any]]:
    """Give mean confidence, accuracy and count of each of `confidence_bins`, but for empty ones."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = confidence_bins(probabilities)
    return [
        {
            "confidence": float(confidence[index == each].mean()),
            "accuracy": float(correct[index == each].mean()),
            "count": int(np.count_nonzero(index == each)),
        }
        for each in np.unique(index)
    ]


def operating_point(
    test: Scores, validation: Scores, names: Sequence[str], positive: str
) -> dict[str, Any] | None:
    """Give sensitivity and specificity for `positive` at a threshold fixed on validation.

    An image counts as positive when the class's probability reaches the threshold: the one of the
    highest specificity among those that find TARGET_SENSITIVITY of the positives of the validation
    split. None when either split lacks either kind.
    """
    index = names.index(positive)
    truth, found = _binary(test, index), _binary(validation, index)
    if not all(0 < np.count_nonzero(flags) < len(flags) for flags, _ in (truth, found)):
        return None
    threshold = _threshold(*found)
    chosen, measured = _at_threshold(*found, threshold), _at_threshold(*truth, threshold)
    return {
        "positive": positive,
        "target_sensitivity": TARGET_SENSITIVITY,
        "threshold": threshold,
        "validation": {
            "n": len(validation.labels),
            "sensitivity": chosen["sensitivity"],
            "specificity": chosen["specificity"],
        },
        **measured,
    }


def _binary(scores: Scores, index: int) -> tuple[Flags, Floats]:
    return scores.labels == index, scores.probabilities[:, index]


def _threshold(positive: Flags, scores: Floats) -> float:
    """Of thresholds of equal specificity, the one that finds the most positives."""
    thresholds = np.unique(scores)
    rates = [_at_threshold(positive, scores, each) for each in thresholds]
    sufficient = [
        (rate["specificity"], rate["sensitivity"], float(threshold))
        for threshold, rate in zip(thresholds, rates, strict=True)
        if rate["sensitivity"] >= TARGET_SENSITIVITY
    ]
    return max(sufficient)[-1]


def _at_threshold(positive: Flags, scores: Floats, threshold: float) -> dict[str, Any]:
    positives, negatives = int(positive.sum()), int((~positive).sum())
    hits = int((scores[positive] >= threshold).sum())
    passed = int((scores[~positive] < threshold).sum())
    return {
        "sensitivity": hits / positives,
        "specificity": passed / negatives,
        "intervals": {
            "sensitivity": list(wilson_interval(hits, positives)),
            "specificity": list(wilson_interval(passed, negatives)),
        },
        "n_positive": positives,
        "n_negative": negatives,
    }
