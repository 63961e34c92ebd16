"""95 % intervals: Wilson's for proportions, bootstrap for what is no proportion."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

Interval = tuple[float, float]

# 2000 resamples, a hundred at a time so that large test splits fit into memory.
BOOTSTRAP_CHUNKS = 20
BOOTSTRAP_CHUNK = 100


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Interval for a proportion (Wilson 1927, "Probable inference, the law of succession").

    Without any trial nothing is known: (0, 1).
    """
    if trials == 0:
        return 0.0, 1.0
    low, high = binomtest(successes, trials).proportion_ci(level, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))


def widened_wilson_interval(
    share: float, trials: float, extra_variance: float, level: float = 0.95
) -> Interval:
    """Wilson's interval for a proportion whose estimate varies by more than the chance of trials.

    Its ends are the proportions p with (share - p)² = z² (p (1 - p) / trials + extra_variance):
    without extra variance Wilson's own. `trials` is positive and may be no whole number, where it
    was estimated itself.
    """
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    scale = 1 + z2 / trials
    middle = (share + z2 / (2 * trials)) / scale
    half = max(0.0, middle**2 - (share**2 - z2 * extra_variance) / scale) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(
    metric: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    labels: NDArray[np.int64],
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap of a metric, resampled within each class, always with the same seed.

    `metric` takes how often each image occurs, (R, N), and gives its value in each resample, (R,).
    """
    generator = np.random.default_rng(0)
    values = [metric(_stratified_counts(labels, generator)) for _ in range(BOOTSTRAP_CHUNKS)]
    return percentiles(np.concatenate(values), level)


def percentiles(values: NDArray[np.float64], level: float = 0.95) -> Interval:
    """The range of a proportion `level` of the values (R,), in their middle.

    Values that are nan, as of a resample in which a metric is undefined, are left out.
    """
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _stratified_counts(
    labels: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """How often each image occurs in resamples that keep the size of each class."""
    counts = np.empty((BOOTSTRAP_CHUNK, len(labels)))
    for index in np.unique(labels):
        members = np.flatnonzero(labels == index)
        chances = np.full(len(members), 1 / len(members))
        counts[:, members] = generator.multinomial(len(members), chances, BOOTSTRAP_CHUNK)
    return counts


def matrix_intervals(
    metrics: Callable[[NDArray[np.int64]], dict[str, float]],
    matrix: NDArray[np.int64],
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile bootstrap of metrics that follow from a confusion matrix (classes, classes)."""
    rows = [metrics(draw) for draw in resampled_matrices(matrix)]
    return {name: percentiles(np.array([row[name] for row in rows]), level) for name in rows[0]}


def resampled_matrices(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Matrices (R, rows, columns) of as many images, always with the same seed.

    To draw images with replacement is to draw the cells of the matrix from a multinomial.
    """
    generator = np.random.default_rng(0)
    total = int(matrix.sum())
    draws = generator.multinomial(total, matrix.ravel() / total, BOOTSTRAP_CHUNKS * BOOTSTRAP_CHUNK)
    return draws.reshape(-1, *matrix.shape)
