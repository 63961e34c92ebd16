"""95 % intervals: Wilson's for proportions, bootstrap for what is no proportion."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from classifier.bundles.schema import MeasuredProportion

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


def proportion(flags: NDArray[np.bool_]) -> MeasuredProportion:
    """The proportion that is true of flags (N,), with its interval; null both where N is 0."""
    n, count = len(flags), int(np.count_nonzero(flags))
    if not n:
        return MeasuredProportion(share=None, n=0, interval=None)
    return MeasuredProportion(share=count / n, n=n, interval=wilson_interval(count, n))


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
    """The range of a proportion `level` of the values (R,), in their middle."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
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
    """Percentile bootstrap of metrics that follow from a confusion matrix (classes, classes).

    To draw images with replacement is to draw the cells of the matrix from a multinomial.
    """
    generator = np.random.default_rng(0)
    total = int(matrix.sum())
    draws = generator.multinomial(total, matrix.ravel() / total, BOOTSTRAP_CHUNKS * BOOTSTRAP_CHUNK)
    rows = [metrics(draw.reshape(matrix.shape)) for draw in draws]
    return {name: percentiles(np.array([row[name] for row in rows]), level) for name in rows[0]}
