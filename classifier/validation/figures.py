"""All figures of a model on labelled images, from its answers alone.

Throughout, `labels` are class indices (N,) int and `clusters` (N,) number what images belong
together; figures hold of the images of classes that the model knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.schema import LimitsDescription
from classifier.evaluation import metrics
from classifier.evaluation.curves import confidence_bins, reliability, resampled_auc, roc
from classifier.evaluation.scores import Flags, Floats, Labels
from classifier.statistics.clustered import (
    Estimates,
    bootstrapped,
    mean_of_ratios,
    means,
    ratios,
    resampled_counts,
)
from classifier.validation.enough import enough
from classifier.validation.report import (
    Calibrated,
    ClassFigures,
    Estimate,
    Figures,
    OperatingCurve,
    OperatingRow,
    OwnClass,
    RiskPoint,
    Sets,
)

RESAMPLES: Final = 1000
THRESHOLDS: Final = np.round(np.arange(0.02, 1.0, 0.02), 2)
KEPT: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
MOST_OPERATING_CLASSES: Final = 20


class AnswerToImage(Protocol):
    """What a model says of one image; the last two are None without limits."""

    @property
    def probabilities(self) -> Sequence[float] | NDArray[np.float32]: ...

    @property
    def in_distribution(self) -> bool | None: ...

    @property
    def prediction_set(self) -> list[str] | None: ...


@dataclass(frozen=True)
class Answered:
    """What a model of C classes says of N images, and what they are.

    Attributes:
        labels: (N,) class indices, and -1 for a class that the model does not know.
        names: (N,) what people call the classes.
        probabilities: (N, C).
        clusters: (N,) numbers.
        accepted: (N,) whether the image looks like the training data; None without limits.
        sets: (N, C) which classes may be right; None without limits.
    """

    labels: Labels
    names: Sequence[str]
    probabilities: Floats
    clusters: Labels
    accepted: Flags | None = None
    sets: Flags | None = None

    @classmethod
    def of(
        cls,
        classes: Sequence[str],
        names: Sequence[str],
        clusters: Labels,
        answers: Sequence[AnswerToImage],
    ) -> Self:
        """From the answers to N images of classes `names`; the model's are `classes`."""
        places = {label: index for index, label in enumerate(classes)}
        sets = [each.prediction_set for each in answers]
        flags = [[label in (each or ()) for label in classes] for each in sets]
        has_limits = None not in sets
        accepted = [bool(each.in_distribution) for each in answers]
        return cls(
            labels=np.array([places.get(name, -1) for name in names], np.int64),
            names=names,
            probabilities=np.array([each.probabilities for each in answers], np.float64),
            clusters=clusters,
            accepted=np.array(accepted, np.bool_) if has_limits else None,
            sets=np.array(flags, np.bool_) if has_limits else None,
        )

    def part(self, chosen: Flags) -> "Answered":
        """Some of the images (N,)."""
        return Answered(
            self.labels[chosen],
            [name for name, taken in zip(self.names, chosen, strict=True) if taken],
            self.probabilities[chosen],
            self.clusters[chosen],
            None if self.accepted is None else self.accepted[chosen],
            None if self.sets is None else self.sets[chosen],
        )

    @property
    def predicted(self) -> Labels:
        """(N,) the most probable class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)


def figures(
    answered: Answered,
    classes: Sequence[str],
    *,
    limits: LimitsDescription | None = None,
    positive: str | None = None,
    home_thresholds: dict[str, float] | None = None,
) -> Figures:
    """Measure everything. There must be an image of a class that the model knows.

    Args:
        classes: the model's, in index order.
        limits: what the model's sets and refusals promise.
        positive: the class whose recall is the sensitivity, where one is special.
        home_thresholds: by class, the threshold that was chosen at home.
    """
    known = answered.part(answered.labels >= 0)
    labels, probabilities = known.labels, known.probabilities
    matrix = metrics.confusion_matrix(labels, probabilities)
    true = labels[:, None] == np.arange(len(classes))
    called = known.predicted[:, None] == np.arange(len(classes))
    one = np.ones((len(labels), 1))
    right = (known.predicted == labels)[:, None]
    per_class = _per_class(known, classes, true, called)
    balanced = _one(mean_of_ratios(true & called, true, known.clusters), len(labels))
    accuracy = _one(ratios(right, one, known.clusters), len(labels))
    present = true.any(axis=0)
    return Figures(
        n=len(labels),
        clusters=len(np.unique(known.clusters)),
        labels=tuple(classes),
        accuracy=accuracy,
        balanced_accuracy=balanced,
        macro_f1=_one(
            mean_of_ratios(
                2.0 * (true & called)[:, present],
                (true.astype(float) + called)[:, present],
                known.clusters,
            ),
            len(labels),
        ),
        auc=_auc(known, present),
        per_class=per_class,
        confusion_matrix=tuple(map(tuple, matrix.tolist())),
        calibration=_calibration(known, right),
        sets=_sets(known, true, limits) if limits and known.sets is not None else None,
        risk_coverage=_risk_coverage(known, right),
        operating=_operating(known, classes, true, home_thresholds or {}),
        roc=roc(known.labels, known.probabilities, classes, positive),
        own_classes=_own_classes(answered.part(answered.labels < 0)),
        enough=enough(accuracy, balanced, per_class),
    )


def _estimate(estimates: Estimates, index: int, n: int) -> Estimate:
    value = float(estimates.values[index])
    if not np.isfinite(value):
        return Estimate(value=None, interval=None, n=0)
    return Estimate(
        value=value,
        interval=(float(estimates.low[index]), float(estimates.high[index])),
        n=n,
        effective_n=round(float(estimates.effective[index]), 1),
    )


def _one(estimates: Estimates, n: int) -> Estimate:
    return _estimate(estimates, 0, n)


def _share(flags: NDArray[np.bool_], among: NDArray[np.bool_], clusters: Labels) -> Estimate:
    """Of the images (N,) `among`, the share for which flags (N,) is true."""
    found = ratios((flags & among)[:, None], among[:, None], clusters)
    return _one(found, int(among.sum()))


def _per_class(
    known: Answered, classes: Sequence[str], true: Flags, called: Flags
) -> tuple[ClassFigures, ...]:
    hits, clusters, n = true & called, known.clusters, true.sum(axis=0)
    recall, precision = ratios(hits, true, clusters), ratios(hits, called, clusters)
    specificity = ratios(~true & ~called, ~true, clusters)
    f1 = ratios(2.0 * hits, true.astype(float) + called, clusters)
    covered = None if known.sets is None else ratios(known.sets & true, true, clusters)
    return tuple(
        ClassFigures(
            label=name,
            recall=_estimate(recall, index, int(n[index])),
            precision=_estimate(precision, index, int(called[:, index].sum())),
            specificity=_estimate(specificity, index, len(true) - int(n[index])),
            f1=_estimate(f1, index, int((true | called)[:, index].sum())),
            auc=_class_auc(known, true[:, index], index),
            coverage=None if covered is None else _estimate(covered, index, int(n[index])),
            predicted=int(called[:, index].sum()),
        )
        for index, name in enumerate(classes)
    )


def _areas(known: Answered, true: Flags, scores: Floats) -> tuple[float, Floats]:
    """The area, and that of the resamples (R,)."""
    area = resampled_auc(true, scores, np.ones((1, len(true))))[0]
    drawn = [
        resampled_auc(true, scores, counts)
        for counts in resampled_counts(known.clusters, RESAMPLES)
    ]
    return float(area), np.concatenate(drawn)


def _class_auc(known: Answered, true: Flags, index: int) -> Estimate:
    if not 0 < true.sum() < len(true):
        return Estimate(value=None, interval=None, n=0)
    area, drawn = _areas(known, true, known.probabilities[:, index])
    return _area(known, area, drawn, true)


def _area(known: Answered, area: float, drawn: Floats, rarest: Flags) -> Estimate:
    sizes = [len(np.unique(known.clusters[each])) for each in (rarest, ~rarest)]
    return _one(bootstrapped(area, drawn, len(np.unique(known.clusters)), min(sizes)), len(rarest))


def _auc(known: Answered, present: Flags) -> Estimate:
    """The unweighted mean over the classes that have images, each against the rest."""
    chosen = np.flatnonzero(present)
    if len(chosen) < 2:
        return Estimate(value=None, interval=None, n=0)
    if known.probabilities.shape[1] == 2:
        chosen = chosen[1:]
    found = [
        _areas(known, known.labels == index, known.probabilities[:, index]) for index in chosen
    ]
    area = float(np.mean([value for value, _ in found]))
    rarest = min((known.labels == index for index in chosen), key=np.count_nonzero)
    return _area(known, area, np.mean([drawn for _, drawn in found], axis=0), rarest)


def _calibration(known: Answered, right: Flags) -> Calibrated:
    labels, probabilities, clusters = known.labels, known.probabilities, known.clusters
    confidence = probabilities.max(axis=1, keepdims=True)
    errors = np.square(probabilities - np.eye(probabilities.shape[1])[labels]).sum(axis=1)
    bins = confidence_bins(probabilities)
    return Calibrated(
        ece=metrics.expected_calibration_error(labels, probabilities),
        by_chance=metrics.calibration_error_by_chance(probabilities),
        overconfidence=_one(means(confidence - right, clusters), len(labels)),
        brier=_one(means(errors[:, None], clusters), len(labels)),
        reliability=reliability(labels, probabilities),
        bins_accuracy=tuple(
            _share(right[:, 0], bins == each, clusters) for each in np.unique(bins)
        ),
    )


def _sets(known: Answered, true: Flags, limits: LimitsDescription) -> Sets | None:
    if known.sets is None or known.accepted is None:
        return None
    every, clusters = np.ones(len(true), np.bool_), known.clusters
    sizes = known.sets.sum(axis=1)
    right = np.asarray(known.predicted == known.labels)
    flagged = np.asarray(~known.accepted | (sizes > 1))
    return Sets(
        coverage=_share(np.asarray((known.sets & true).any(axis=1)), every, clusters),
        coverage_aim=limits.coverage,
        size=_one(means(sizes[:, None], clusters), len(sizes)),
        single=_share(sizes == 1, every, clusters),
        accepted=_share(known.accepted, every, clusters),
        acceptance_aim=limits.acceptance,
        accepted_accuracy=_share(right, known.accepted, clusters),
        flagged=_share(flagged, every, clusters),
        errors_flagged=_share(flagged, np.asarray(~right), clusters),
    )


def _risk_coverage(known: Answered, right: Flags) -> tuple[RiskPoint, ...]:
    confidence = known.probabilities.max(axis=1)
    points = []
    for kept in KEPT:
        least = float(np.quantile(confidence, 1 - kept, method="lower"))
        taken = confidence >= least
        points.append(
            RiskPoint(
                kept=float(taken.mean()),
                confidence=min(1.0, least),
                risk=_share(~right[:, 0], taken, known.clusters),
            )
        )
    return tuple(points)


def _operating(
    known: Answered, classes: Sequence[str], true: Flags, home: dict[str, float]
) -> tuple[OperatingCurve, ...]:
    return tuple(
        OperatingCurve(
            label=name,
            rows=_operating_rows(known, true[:, [index]], index),
            home_threshold=home.get(name),
        )
        for index, name in enumerate(classes[:MOST_OPERATING_CLASSES])
        if 0 < true[:, index].sum() < len(true)
    )


def _operating_rows(known: Answered, true: Flags, index: int) -> tuple[OperatingRow, ...]:
    called = known.probabilities[:, [index]] >= THRESHOLDS
    every, clusters = np.ones(called.shape, np.bool_), known.clusters
    sensitivity = ratios(called & true, every & true, clusters)
    specificity = ratios(~called & ~true, every & ~true, clusters)
    precision = ratios(called & true, called, clusters)
    positives = int(true.sum())
    return tuple(
        OperatingRow(
            threshold=float(threshold),
            sensitivity=_estimate(sensitivity, place, positives),
            specificity=_estimate(specificity, place, len(true) - positives),
            precision=_estimate(precision, place, int(called[:, place].sum())),
        )
        for place, threshold in enumerate(THRESHOLDS)
    )


def _own_classes(others: Answered) -> tuple[OwnClass, ...]:
    names = np.array(others.names)
    return tuple(
        OwnClass(
            label=str(name),
            n=int((names == name).sum()),
            refused=None
            if others.accepted is None
            else _share(~others.accepted, names == name, others.clusters),
        )
        for name in np.unique(names)
    )
