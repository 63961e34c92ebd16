"""95 % intervals: Wilson's for shares, bootstrap for what is no share."""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]

# 2000 resamples, a hundred at a time so that large test splits fit into memory.
BOOTSTRAP_CHUNKS = 20
BOOTSTRAP_CHUNK = 100


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Interval for a share (Wilson 1927, "Probable inference, the law of succession").

    Without any trial nothing is known: (0, 1).
    """
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    spread = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    centre = share + z**2 / (2 * trials)
    scale = 1 + z**2 / trials
    return max(0.0, float((centre - spread) / scale)), min(1.0, float((centre + spread) / scale))


def bootstrap_interval(
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    labels: NDArray[np.int64],
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap of a figure, resampled within each class, always with the same seed.

    `figure` takes how often each image occurs, (R, N), and gives its value in each resample, (R,).
    """
    generator = np.random.default_rng(0)
    values = [figure(_stratified_counts(labels, generator)) for _ in range(BOOTSTRAP_CHUNKS)]
    return percentiles(np.concatenate(values), level)


def percentiles(values: NDArray[np.float64], level: float = 0.95) -> Interval:
    """Give the range of a share `level` of the values (R,), in their middle."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _stratified_counts(
    labels: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """How often each image occurs in resamples that keep the size of each class."""
    counts = np.empty((BOOTSTRAP_CHUNK, len(labels)))
    for index in np.unique(labels):
        members = np.flatnonzero(labels == index)
        shares = np.full(len(members), 1 / len(members))
        counts[:, members] = generator.multinomial(len(members), shares, BOOTSTRAP_CHUNK)
    return counts


def matrix_intervals(
    figures: Callable[[NDArray[np.int64]], dict[str, float]],
    matrix: NDArray[np.int64],
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile bootstrap of figures that follow from a confusion matrix (classes, classes).

    To draw images with replacement is to draw the cells of the matrix from a multinomial.
    """
    generator = np.random.default_rng(0)
    total = int(matrix.sum())
    draws = generator.multinomial(total, matrix.ravel() / total, BOOTSTRAP_CHUNKS * BOOTSTRAP_CHUNK)
    rows = [figures(draw.reshape(matrix.shape)) for draw in draws]
    return {name: percentiles(np.array([row[name] for row in rows]), level) for name in rows[0]}
