"""Curves behind the metrics: receiver operating characteristic, reliability, operating point.

Shapes and ranges are those of `classifier.evaluation.metrics`.
"""

from collections.abc import Sequence

import numpy as np

from classifier.bundles.schema import (
    ChosenOn,
    OperatingIntervals,
    OperatingPoint,
    ReliabilityBin,
    RocCurve,
)
from classifier.evaluation.scores import Flags, Floats, Labels, Scores
from classifier.statistics.intervals import wilson_interval

CALIBRATION_BINS = 15
ROC_POINTS = 100
ROC_DECIMALS = 5
TARGET_SENSITIVITY = 0.9


def resampled_auc(positive: Flags, scores: Floats, counts: Floats) -> Floats:
    """The AUC (R,) of R resamples in which each image occurs `counts` (R, N) times.

    The chance that a positive outranks a negative, ties counting half (Hanley and McNeil 1982);
    nan where a resample lacks either kind. All resamples at once: scikit-learn's `roc_auc_score`
    would sort the scores anew for each.
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
) -> tuple[RocCurve, ...]:
    """Each class's curve against the rest.

    For two classes only the curve of `positive`, or of class 1 where none is named: the other is
    its mirror image. A class without examples, or without any others, has no curve.
    """
    chosen = [names.index(positive or names[1])] if len(names) == 2 else range(len(names))
    return tuple(
        _class_roc(labels == index, probabilities[:, index], names[index])
        for index in chosen
        if 0 < np.count_nonzero(labels == index) < len(labels)
    )


def _class_roc(positive: Flags, scores: Floats, name: str) -> RocCurve:
    area = resampled_auc(positive, scores, np.ones((1, len(scores))))[0]
    # (T + 1, 2) false and true positives at each of the T thresholds, the highest first.
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    counts = np.stack([np.cumsum(~positive[order]), np.cumsum(positive[order])], axis=1)
    counts = np.concatenate([[[0, 0]], counts[last_of_ties]])
    # Points on a straight line between their neighbours are left out; scikit-learn's `roc_curve`
    # leaves out only those half-way.
    before, after = np.diff(counts, axis=0)[:-1], np.diff(counts, axis=0)[1:]
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    corners: Labels = counts[np.concatenate([[True], turns, [True]])]
    rates = _thinned(corners)
    points = tuple((false, true) for false, true in rates.round(ROC_DECIMALS).tolist())
    return RocCurve(label=name, auc=float(area), points=points)


def _thinned(counts: Labels) -> Floats:
    """Counts as rates, of which at most ROC_POINTS are kept, evenly along the curve."""
    rates: Floats = counts / counts[-1]
    if len(rates) <= ROC_POINTS:
        return rates
    along = rates.sum(axis=1)
    return rates[np.unique(np.searchsorted(along, np.linspace(0, along[-1], ROC_POINTS)))]


def confidence_bins(probabilities: Floats) -> Labels:
    """The number (N,), from 0, of the equal-width bin of each image's confidence.

    Bins are open on the left and closed on the right: Guo et al. 2017, "On calibration of modern
    neural networks", section 2.
    """
    index = np.ceil(probabilities.max(axis=1) * CALIBRATION_BINS).astype(np.int64) - 1
    return np.asarray(np.clip(index, 0, CALIBRATION_BINS - 1), np.int64)


def reliability(labels: Labels, probabilities: Floats) -> tuple[ReliabilityBin, ...]:
    """Mean confidence, accuracy and count of each of `confidence_bins`, but for empty ones."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = confidence_bins(probabilities)
    return tuple(
        ReliabilityBin(
            confidence=min(1.0, float(confidence[index == each].mean())),
            accuracy=float(correct[index == each].mean()),
            count=int(np.count_nonzero(index == each)),
        )
        for each in np.unique(index)
    )


def operating_point(
    test: Scores, validation: Scores, names: Sequence[str], positive: str
) -> OperatingPoint | None:
    """Sensitivity and specificity for `positive` at a threshold fixed on validation.

    An image counts as positive when the class's probability reaches the threshold: the one of the
    highest specificity among those that find TARGET_SENSITIVITY of the positives of the validation
    split. None when either split lacks either kind.
    """
    index = names.index(positive)
    called, held_out = _Called.of(test, index), _Called.of(validation, index)
    if not (called.has_both_kinds and held_out.has_both_kinds):
        return None
    # Of thresholds of equal specificity, the one that finds the most positives.
    every = np.unique(np.concatenate([held_out.positives, held_out.negatives]))
    rated = [(*held_out.rates(float(threshold)), float(threshold)) for threshold in every]
    threshold = max(
        (specificity, sensitivity, threshold)
        for sensitivity, specificity, threshold in rated
        if sensitivity >= TARGET_SENSITIVITY
    )[-1]
    sensitivity, specificity = held_out.rates(threshold)
    return called.at(
        threshold,
        positive,
        ChosenOn(n=len(validation.labels), sensitivity=sensitivity, specificity=specificity),
    )


class _Called:
    """Scores (P,) of images of a class and scores (Q,) of the others."""

    def __init__(self, positives: Floats, negatives: Floats) -> None:
        self.positives, self.negatives = positives, negatives

    @classmethod
    def of(cls, scores: Scores, index: int) -> "_Called":
        positive, column = scores.labels == index, scores.probabilities[:, index]
        return cls(column[positive], column[~positive])

    @property
    def has_both_kinds(self) -> bool:
        return bool(len(self.positives) and len(self.negatives))

    def counts(self, threshold: float) -> tuple[int, int]:
        """True positives and true negatives."""
        return int((self.positives >= threshold).sum()), int((self.negatives < threshold).sum())

    def rates(self, threshold: float) -> tuple[float, float]:
        """Sensitivity and specificity."""
        true_positives, true_negatives = self.counts(threshold)
        return true_positives / len(self.positives), true_negatives / len(self.negatives)

    def at(self, threshold: float, positive: str, validation: ChosenOn) -> OperatingPoint:
        true_positives, true_negatives = self.counts(threshold)
        sensitivity, specificity = self.rates(threshold)
        return OperatingPoint(
            positive=positive,
            target_sensitivity=TARGET_SENSITIVITY,
            threshold=threshold,
            validation=validation,
            sensitivity=sensitivity,
            specificity=specificity,
            intervals=OperatingIntervals(
                sensitivity=wilson_interval(true_positives, len(self.positives)),
                specificity=wilson_interval(true_negatives, len(self.negatives)),
            ),
            n_positive=len(self.positives),
            n_negative=len(self.negatives),
        )
