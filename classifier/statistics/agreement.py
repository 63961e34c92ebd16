"""How far several people, or a person and a model, name the same images alike.

Answers are whole numbers from 0, one for each thing that may be said, or MISSING. Their order means
nothing. Intervals are 95 % intervals: Wilson's for proportions, percentile bootstrap over images
for coefficients.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.statistics.intervals import (
    Interval,
    percentiles,
    resampled_matrices,
    wilson_interval,
)

Answers = NDArray[np.int64]
Floats = NDArray[np.float64]

MISSING = -1


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of agreement: 1 where all agree, 0 where they agree as often as by chance.

    Attributes:
        n: images that count.
        value, interval: None where undefined.
        reason: why one of them is None; empty where both are known.
    """

    n: int
    value: float | None
    interval: Interval | None
    reason: str = ""


@dataclass(frozen=True)
class PairAgreement:
    """How far two agree.

    Attributes:
        n: images that both answered.
        same: images that both answered alike.
        proportion, interval: of these among those; None where n is 0.
        kappa: Cohen's.
    """

    n: int
    same: int
    proportion: float | None
    interval: Interval | None
    kappa: Coefficient


def pair_agreement(one: Answers, other: Answers) -> PairAgreement:
    """Agreement of answers (N,) with others (N,), on the images that have both."""
    both = (one != MISSING) & (other != MISSING)
    n = int(both.sum())
    if not n:
        return PairAgreement(0, 0, None, None, cohens_kappa(np.zeros((1, 1), np.int64)))
    same = int((one[both] == other[both]).sum())
    said, codes = np.unique([one[both], other[both]], return_inverse=True)
    first, second = codes.reshape(2, n)
    cells = np.bincount(first * len(said) + second, minlength=len(said) ** 2)
    kappa = cohens_kappa(cells.reshape(len(said), len(said)))
    return PairAgreement(n, same, same / n, wilson_interval(same, n), kappa)


def cohens_kappa(matrix: NDArray[np.int64]) -> Coefficient:
    """Cohen's kappa (1960, "A coefficient of agreement for nominal scales") of counts (K, K).

    Rows are answers of the one, columns of the other: kappa = 1 - (1 - po) / (1 - pe), with the
    proportion po of images on the diagonal, and pe expected there by chance from the margins.
    Undefined where both gave one and the same answer to all images.
    """
    n = int(matrix.sum())
    if not n:
        return Coefficient(0, None, None, "No image was answered by both.")
    observed, expected = _pair_disagreement(matrix[None])
    if not expected[0]:
        return Coefficient(n, None, None, "All answers are the same.")
    resampled = _one_minus_ratio(*_pair_disagreement(resampled_matrices(matrix)))
    return _coefficient(n, float(observed[0]), float(expected[0]), resampled)


def _pair_disagreement(matrices: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """1 - po and 1 - pe of each of the matrices (R, K, K)."""
    n = matrices.sum(axis=(1, 2))
    by_chance = (matrices.sum(axis=1) * matrices.sum(axis=2)).sum(axis=1)
    return 1 - np.trace(matrices, axis1=1, axis2=2) / n, 1 - by_chance / n**2


def krippendorff_alpha(answers: Answers) -> Coefficient:
    """Krippendorff's alpha for nominal data of answers (readers, N), of which some may be missing.

    alpha = 1 - Do / De, of the images with two answers or more (Krippendorff 2004, "Reliability in
    content analysis"): Do is how often two answers to the same image differ, each image with m
    answers weighing m; De how often two of all answers do. Undefined where all are the same.
    """
    said = np.unique(answers[answers != MISSING])
    counts = np.stack([(answers == each).sum(axis=0) for each in said] or [answers[0] * 0], axis=1)
    # Images with the same answers are one kind, so that resamples are counts of few kinds.
    kinds, times = np.unique(counts[counts.sum(axis=1) > 1], axis=0, return_counts=True)
    n = int(times.sum())
    if not n:
        return Coefficient(0, None, None, "No image was answered by two.")
    observed, expected = _group_disagreement(kinds, times[None])
    if not expected[0]:
        return Coefficient(n, None, None, "All answers are the same.")
    drawn = resampled_matrices(times[None])[:, 0]
    resampled = _one_minus_ratio(*_group_disagreement(kinds, drawn))
    return _coefficient(n, float(observed[0]), float(expected[0]), resampled)


def _group_disagreement(
    kinds: NDArray[np.int64], times: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Do and De (R,) where the answers `kinds` (P, K) were given `times` (R, P)."""
    size = kinds.sum(axis=1)
    alike = (kinds * (kinds - 1)).sum(axis=1) / (size - 1)
    margins = times @ kinds
    n = margins.sum(axis=1)
    by_chance = (margins * (margins - 1)).sum(axis=1) / (n * (n - 1))
    return 1 - times @ alike / n, 1 - by_chance


def _one_minus_ratio(observed: Floats, expected: Floats) -> Floats:
    """1 - observed / expected, nan where nothing is expected."""
    undefined = np.full_like(observed, np.nan)
    return 1 - np.divide(observed, expected, out=undefined, where=expected > 0)


def _coefficient(n: int, observed: float, expected: float, resampled: Floats) -> Coefficient:
    """A coefficient with its interval, from disagreement on n images and its resamples (R,)."""
    value = 1 - observed / expected
    if not observed:
        # Resamples of images without a disagreement have none: how many there may be at most is
        # known from Wilson's interval.
        most = 1 - wilson_interval(n, n)[0]
        return Coefficient(n, value, (max(-1.0, 1 - most / expected), 1.0))
    if n == 1:
        return Coefficient(n, value, None, "One image gives no interval.")
    return Coefficient(n, value, percentiles(resampled))


def disagreements(answers: Answers) -> NDArray[np.int64]:
    """Indices of the images of answers (readers, N) that were named differently, in order."""
    lowest = np.where(answers == MISSING, np.iinfo(np.int64).max, answers).min(axis=0)
    return np.flatnonzero(answers.max(axis=0) > lowest)
