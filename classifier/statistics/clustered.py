"""95 % intervals where observations come in clusters: several images of a patient, near-duplicates.

Throughout, `clusters` (N,) numbers the cluster of each observation. What holds of clusters of one
is the usual formula, so that there is one way for both. Variances are those of linearised ratios
over clusters, which a cluster bootstrap comes to in the limit; with few clusters a percentile
bootstrap is too narrow, while Wilson's interval for the effective number of observations, with the
quantile of Student's t, keeps its level (Korn and Graubard 1998, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data").
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import norm, t

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

LEVEL: Final = 0.95
RESAMPLES_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Estimates:
    """K values with their intervals, each (K,): nan, 0 and 1 where there are no cases.

    `effective` is the number of independent observations that would say as much.
    """

    values: Floats
    low: Floats
    high: Floats
    effective: Floats


def cluster_sums(values: NDArray[np.generic], clusters: Labels) -> Floats:
    """Sums (G, K) over the observations of each cluster of values (N, K)."""
    numbers = np.unique(clusters, return_inverse=True)[1]
    n = len(numbers)
    members = csr_matrix((np.ones(n), (numbers, np.arange(n))))
    return np.asarray(members @ np.asarray(values, np.float64), np.float64)


def ratios(
    numerators: NDArray[np.generic], denominators: NDArray[np.generic], clusters: Labels
) -> Estimates:
    """Sum over sum of each column of (N, K) values, a ratio in 0–1, such as a proportion.

    Where all are 0 or all are 1 a cluster counts as one observation, since nothing shows that its
    members differ.
    """
    above, below = cluster_sums(numerators, clusters), cluster_sums(denominators, clusters)
    total, sizes = below.sum(axis=0), (below > 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = above.sum(axis=0) / total
        variance = np.square(above - values * below).sum(axis=0) / total**2
        is_clustered = sizes < total
        variance = np.where(is_clustered, variance * sizes / np.maximum(sizes - 1, 1), variance)
        spread = values * (1 - values)
        effective = np.where(spread > 0, spread / variance, sizes)
        effective = np.where(is_clustered, np.minimum(effective, total), effective)
        effective = np.where(is_clustered, effective * _students_loss(sizes), effective)
    low, high = wilson(values, effective)
    return Estimates(values, low, high, np.nan_to_num(effective))


def _students_loss(sizes: NDArray[np.generic]) -> Floats:
    """By how much fewer observations Wilson's interval is as wide as Student's t makes it."""
    quantile = (1 + LEVEL) / 2
    of_t = t.ppf(quantile, np.maximum(sizes - 1, 1))
    return np.asarray((norm.ppf(quantile) / of_t) ** 2, np.float64)


def wilson(values: Floats, trials: Floats) -> tuple[Floats, Floats]:
    """Wilson's interval for proportions of any positive numbers of trials, else 0–1."""
    z2 = float(norm.ppf((1 + LEVEL) / 2)) ** 2
    known = np.isfinite(values) & (trials > 0)
    share, n = np.where(known, values, 0.5), np.where(known, trials, 1.0)
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    # To the last digit, so that a value never lies beside its interval.
    low = np.where(known & (share > 0), np.maximum(0, middle - half), 0.0)
    return low, np.where(known & (share < 1), np.minimum(1, middle + half), 1.0)


def mean_of_ratios(
    numerators: NDArray[np.generic], denominators: NDArray[np.generic], clusters: Labels
) -> Estimates:
    """The mean over the columns of (N, K) values of sum over sum, such as a balanced accuracy.

    A column without cases is left out. One that is all 0 or all 1 does not count as certain: its
    variance is that of the middle of Wilson's interval.
    """
    present = np.asarray(denominators).sum(axis=0) > 0
    above = cluster_sums(np.asarray(numerators)[:, present], clusters)
    below = cluster_sums(np.asarray(denominators)[:, present], clusters)
    total, clusters_of = below.sum(axis=0), (below > 0).sum(axis=0)
    values = above.sum(axis=0) / total
    influence = ((above - values * below) / total).mean(axis=1)
    size = len(above)
    is_clustered = bool((clusters_of < total).any())
    variance = np.square(influence).sum() * (size / max(1, size - 1) if is_clustered else 1.0)
    z2 = float(norm.ppf((1 + LEVEL) / 2)) ** 2
    middle = (values * clusters_of + z2 / 2) / (clusters_of + z2)
    at_an_end = (values == 0) | (values == 1)
    unseen = np.where(at_an_end, middle * (1 - middle) / (clusters_of + z2), 0.0)
    variance += unseen.sum() / len(total) ** 2
    smoothed = float(np.where(at_an_end, middle, values).mean())
    effective = np.array([smoothed * (1 - smoothed) / variance])
    if is_clustered:
        effective *= _students_loss(np.array([size]))
    low, high = wilson(np.array([values.mean()]), effective)
    return Estimates(np.array([values.mean()]), low, high, effective)


def means(values: NDArray[np.generic], clusters: Labels) -> Estimates:
    """Mean of each column of (N, K) values of any range, with Student's interval."""
    sums, n = cluster_sums(values, clusters), len(values)
    sizes = cluster_sums(np.ones((n, 1)), clusters)
    middle, count = sums.sum(axis=0) / n, len(sums)
    variance = np.square(sums - middle * sizes).sum(axis=0) / n**2 * count / max(1, count - 1)
    half = t.ppf((1 + LEVEL) / 2, max(1, count - 1)) * np.sqrt(variance)
    return Estimates(middle, middle - half, middle + half, np.full(len(middle), float(count)))


def resampled_counts(clusters: Labels, resamples: int) -> list[Floats]:
    """How often each observation occurs in resamples of whole clusters: parts (R, N) of them all.

    Always with the same seed.
    """
    generator = np.random.default_rng(0)
    numbers = np.unique(clusters, return_inverse=True)[1]
    size = int(numbers.max()) + 1
    chances = np.full(size, 1 / size)
    parts = [RESAMPLES_AT_ONCE] * (resamples // RESAMPLES_AT_ONCE)
    drawn = [generator.multinomial(size, chances, part)[:, numbers] for part in parts]
    return [part.astype(np.float64) for part in drawn]


def bootstrapped(value: float, resampled: Floats, clusters: int, at_an_end: int) -> Estimates:
    """The interval of a value in 0–1 from its bootstrap (R,), on the scale of log odds.

    Args:
        clusters: how many there are.
        at_an_end: how many of them speak for a value that is 0 or 1, where no resample differs.
    """
    ends = wilson(np.array([value]), np.array([float(at_an_end)]))
    known = resampled[np.isfinite(resampled)]
    if 0 < value < 1 and len(known) > 1:
        odds = _log_odds(np.clip(known, 1e-6, 1 - 1e-6))
        half = t.ppf((1 + LEVEL) / 2, max(1, clusters - 1)) * odds.std()
        middle = _log_odds(np.array([value]))
        ends = (1 / (1 + np.exp(half - middle)), 1 / (1 + np.exp(-half - middle)))
    return Estimates(np.array([value]), *ends, np.array([float(clusters)]))


def _log_odds(shares: Floats) -> Floats:
    return np.asarray(np.log(shares / (1 - shares)), np.float64)
