"""Whether what a model sees and says now differs from a reference period, by permutation tests.

Were nothing different, it would be chance which images came in which period. So each figure's
difference is set beside those that come of dealing the same images out at random. This holds at any
number of images, and for images of which several predictions came: they are dealt out together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# How often an alarm is raised where nothing has changed: of the windows that are tested, so many.
# Each prediction is in one window, which is tested once, when it is full: nobody looks before, and
# more looks are more windows. The figures share the rate evenly among them (Bonferroni).
FALSE_ALARMS: Final = 0.01
# So many predictions are the reference period, and so many a window.
REFERENCE: Final = 200
WINDOW: Final = 100
# Along the first axes most differs; more would be kept of each prediction without a use.
WATCHED_AXES: Final = 16
STEPS: Final = ("accepted", "unusual", "unlike")
FIGURES: Final = ("confidence", "classes", "limits", "features")
# One more is a multiple of what the rate of a figure is one part of.
PERMUTATIONS: Final = 1_999
# So many at a time, so that periods of thousands fit into memory.
_CHUNK: Final = 200
# Sums in another order differ by so little.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Period:
    """What a model made of N predictions.

    Attributes:
        images: (N,) numbers; predictions of one image share one.
        confidences: (N,).
        classes: (N,) indices of the predicted classes.
        limits: (N,) numbers of the steps accepted, unusual, unlike; None where there are no limits.
        features: (N, K) coordinates; None where there are none.
    """

    images: NDArray[np.int64]
    confidences: Floats
    classes: NDArray[np.int64]
    limits: NDArray[np.int64] | None
    features: Floats | None

    def __len__(self) -> int:
        return len(self.images)


def p_values(reference: Period, now: Period, permutations: int = PERMUTATIONS) -> dict[str, float]:
    """For each figure that both periods have: how likely so large a difference is by chance."""
    figures = dict(_figures(reference, now))
    images = np.concatenate([reference.images, now.images + reference.images.max() + 1])
    is_now = np.repeat([False, True], [len(reference), len(now)])
    _, first, image_of = np.unique(images, return_index=True, return_inverse=True)
    values = np.column_stack([np.ones(len(images)), *figures.values()])
    sums = np.zeros((len(first), values.shape[1]))
    np.add.at(sums, image_of, values)
    ends = np.cumsum([0, *(each.shape[1] for each in figures.values())])
    columns = {
        name: slice(start, end)
        for name, start, end in zip(figures, ends[:-1], ends[1:], strict=True)
    }
    observed = _differences(is_now[first][None], sums, columns)
    at_least = dict.fromkeys(figures, 0)
    generator = np.random.default_rng(0)
    for start in range(0, permutations, _CHUNK):
        number = min(_CHUNK, permutations - start)
        dealt = generator.permuted(np.tile(is_now[first], (number, 1)), axis=1)
        for name, found in _differences(dealt, sums, columns).items():
            at_least[name] += int((found >= observed[name] * (1 - _ROUNDING)).sum())
    return {name: (1 + count) / (1 + permutations) for name, count in at_least.items()}


def alarming(found: Mapping[str, float]) -> list[str]:
    """The figures that have changed, at a rate of `FALSE_ALARMS` for all of them together."""
    return [name for name, p in found.items() if p <= FALSE_ALARMS / len(FIGURES)]


def _figures(reference: Period, now: Period) -> Iterator[tuple[str, Floats]]:
    """Each figure's columns (N, D) of both periods together, all of one scale."""
    confidences = np.concatenate([reference.confidences, now.confidences])
    ranks = np.searchsorted(np.sort(confidences), confidences) / len(confidences)
    yield "confidence", _standardised(np.column_stack([ranks, np.square(ranks - ranks.mean())]))
    yield "classes", _indicators(reference.classes, now.classes)
    if reference.limits is not None and now.limits is not None:
        yield "limits", _indicators(reference.limits, now.limits)
    if reference.features is not None and now.features is not None:
        yield "features", _standardised(np.concatenate([reference.features, now.features]))


def _indicators(reference: NDArray[np.int64], now: NDArray[np.int64]) -> Floats:
    """A column for each value, so weighted that squared differences add up to Pearson's χ²."""
    values = np.concatenate([reference, now])
    indicators = (values[:, None] == np.unique(values)).astype(np.float64)
    return np.asarray(indicators / np.sqrt(indicators.mean(axis=0)))


def _standardised(values: Floats) -> Floats:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1))


def _differences(
    is_now: NDArray[np.bool_], sums: Floats, columns: Mapping[str, slice]
) -> dict[str, Floats]:
    """Squared difference (R,) of the two periods' means in each figure, for R ways to deal."""
    now = is_now.astype(np.float64) @ sums
    before = sums.sum(axis=0) - now
    n, m = now[:, :1], before[:, :1]
    squared = np.square(now[:, 1:] / n - before[:, 1:] / m) * (n * m / (n + m))
    return {name: squared[:, part].sum(axis=1) for name, part in columns.items()}
