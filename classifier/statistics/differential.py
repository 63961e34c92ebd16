"""The differential count: how the cells of a blood film divide into types.

What a person reviewed counts as it is. What only a model answered is corrected for the model's
confusion: if the true types have the proportions p and a cell of type k is predicted as type j with
the probability C[k, j], the predictions have the proportions p C. The estimate is the p of greatest
likelihood among proportions, found by expectation-maximisation: where p = q C⁻¹ of the predicted
proportions q has no negative part, it is this (for two types Rogan and Gladen 1978, "Estimating
prevalence from the results of a screening test"; for more Grassia and Sundberg 1982, "Statistical
precision in the calibration and use of sorting machines and other classifiers"; Vucetic and
Obradovic 2001, "Classification on data with biased class distribution", for the maximisation).

Intervals are Wilson's, widened by the variance that the correction adds: that of q C⁻¹ to first
order, from the predictions and from the limited number of test images in each row of C (Grassia and
Sundberg). They are those of the blood that the cells were taken from, as Rümke's tables (1960, "The
variability of results in differential cell counts on blood smears") are, and each type has its own.

The correction assumes that the model errs on the unreviewed cells as it did on its test images. It
overcorrects where those cells were left because the model was sure of them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.statistics.intervals import Interval, widened_wilson_interval

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# The likelihood is flat near its top where a model confuses two types: so many steps may be needed.
_MOST_STEPS = 1000
_CLOSE_ENOUGH = 1e-6


class UncorrectableError(ValueError):
    """A confusion matrix that predictions cannot be corrected by; says why."""


@dataclass(frozen=True)
class CellCount:
    """Cells of one type.

    Attributes:
        number: of cells; no whole number where predictions were corrected.
        ratio: to the number of cells in the denominator; None where there are none, and for a
            type that has no part in the differential.
        interval: 95 % interval of the ratio; None also where the ratio has no upper limit.
    """

    label: str
    number: float
    ratio: float | None = None
    interval: Interval | None = None

    def per(self, cells: int) -> float | None:
        """Cells of this type to so many in the denominator, as 100 or 200."""
        return None if self.ratio is None else cells * self.ratio

    def interval_per(self, cells: int) -> Interval | None:
        """The interval of `per`."""
        return self.interval and (cells * self.interval[0], cells * self.interval[1])


@dataclass(frozen=True)
class Differential:
    """A differential count.

    Attributes:
        reviewed: number of cells counted as a person named them.
        unreviewed: number of cells counted by a model's predictions, corrected.
        cells: number in the denominator, estimated where some are unreviewed.
        counted: the types in the denominator, whose ratios add up to 1.
        per_hundred: types beside it that are told to 100 of the denominator, such as nucleated red
            cells.
        others: types without a ratio, such as platelets.
    """

    reviewed: int
    unreviewed: int
    cells: float
    counted: tuple[CellCount, ...]
    per_hundred: tuple[CellCount, ...]
    others: tuple[CellCount, ...]


def differential_count(
    labels: Sequence[str],
    *,
    reviewed: Counts,
    predicted: Counts,
    confusion: Counts | None = None,
    denominator: Collection[str] | None = None,
    per_hundred: Collection[str] = (),
) -> Differential:
    """Count cells of the types `labels`, K in all, with 95 % intervals.

    Args:
        reviewed: how many of each type (K,) a person named.
        predicted: as how many of each type (K,) a model predicted the unreviewed cells.
        confusion: test images of that model (K, K), true types in rows; needed where there are
            unreviewed cells.
        denominator: the types that make up 100 %; all where None.
        per_hundred: further types, told to 100 of the denominator.

    Raises ValueError for arrays of other shapes and labels of no type, and UncorrectableError.
    """
    chosen = tuple(labels) if denominator is None else tuple(denominator)
    if {reviewed.shape, predicted.shape} != {(len(labels),)}:
        raise ValueError(f"there must be one count for each of the {len(labels)} types")
    if unknown := sorted({*chosen, *per_hundred} - set(labels)):
        raise ValueError(f"there is no type {', '.join(map(repr, unknown))}")
    numbers, moments = reviewed.astype(np.float64), np.diag(reviewed.astype(np.float64))
    if predicted.any():
        rates, images = _confusion_rates(confusion, len(labels))
        corrected = corrected_counts(predicted, rates)
        numbers = numbers + corrected
        moments = moments + _moments_of_corrected(predicted, corrected, rates, images)
    estimate = _Estimate(numbers, moments, np.isin(labels, chosen))
    index = {label: position for position, label in enumerate(labels)}
    others = [label for label in labels if label not in {*chosen, *per_hundred}]
    return Differential(
        reviewed=int(reviewed.sum()),
        unreviewed=int(predicted.sum()),
        cells=estimate.cells,
        counted=tuple(
            CellCount(label, *estimate.share(index[label])) for label in labels if label in chosen
        ),
        per_hundred=tuple(
            CellCount(label, *estimate.odds(index[label]))
            for label in labels
            if label in per_hundred
        ),
        others=tuple(CellCount(label, float(numbers[index[label]])) for label in others),
    )


def _confusion_rates(confusion: Counts | None, types: int) -> tuple[Floats, Floats]:
    """The probability of each prediction for each true type (K, K), and the images of each (K,).

    A row's probabilities are their expectation from its images and a Dirichlet prior that weighs
    as much as one image (Berger, Bernardo and Sun 2015, "Overall objective priors"), so that no
    error is thought impossible and a type without test images is known to be unknown.
    """
    if confusion is None or confusion.shape != (types, types):
        raise UncorrectableError(
            f"Unreviewed cells need the model's confusion matrix of {types} by {types} types."
        )
    images = confusion.sum(axis=1).astype(np.float64)
    rates = (confusion + 1 / types) / (images + 1)[:, None]
    if np.linalg.matrix_rank(rates) < types:
        raise UncorrectableError("The model predicts several types alike, so it cannot tell them.")
    return rates, images


def corrected_counts(predicted: Counts, rates: Floats) -> Floats:
    """The most likely true counts (K,) behind counts of predictions (K,), with the same sum.

    `rates` (K, K) are the probabilities, all above 0, of each prediction for each true type; they
    have an inverse.
    """
    inverted: Floats = predicted @ np.linalg.inv(rates)
    if inverted.min() >= 0:
        return inverted
    counts = np.full(len(predicted), predicted.sum() / len(predicted))
    for _ in range(_MOST_STEPS):
        before = counts
        counts = counts * (rates @ (predicted / (counts @ rates)))
        if np.abs(counts - before).max() <= _CLOSE_ENOUGH * predicted.sum():
            break
    return counts


def _moments_of_corrected(
    predicted: Counts, corrected: Floats, rates: Floats, images: Floats
) -> Floats:
    """What the unreviewed cells add to the second moments (K, K) of the counts.

    A cell predicted as j adds row j of C⁻¹ to the counts. An error of row k of C, which has the
    covariance of a Dirichlet distribution, moves them by itself times C⁻¹ for each cell of type k.
    """
    inverse = np.linalg.inv(rates)
    spread = np.square(corrected) / (images + 2)
    of_rows = np.diag(spread @ rates) - (rates.T * spread) @ rates
    moments: Floats = inverse.T @ (np.diag(predicted) + of_rows) @ inverse
    return moments


@dataclass(frozen=True)
class _Estimate:
    """Numbers of cells (K,), their second moments (K, K) and which types are counted (K,)."""

    numbers: Floats
    moments: Floats
    counted: NDArray[np.bool_]

    @property
    def cells(self) -> float:
        return float(self.numbers[self.counted].sum())

    def share(self, index: int) -> tuple[float, float | None, Interval | None]:
        """Number, proportion and interval of one type of the denominator."""
        return float(self.numbers[index]), *self._share_of(index, self.counted)

    def odds(self, index: int) -> tuple[float, float | None, Interval | None]:
        """Number, ratio and interval of a type beside the denominator.

        Of its share of both together, whose odds they are.
        """
        number = float(self.numbers[index])
        both = self.counted | (np.arange(len(self.numbers)) == index)
        _, interval = self._share_of(index, both)
        if interval is None or not self.cells:
            return number, None, None
        low, high = interval
        bounds = (low / (1 - low), high / (1 - high)) if high < 1 else None
        return number, number / self.cells, bounds

    def _share_of(
        self, index: int, among: NDArray[np.bool_]
    ) -> tuple[float | None, Interval | None]:
        cells = float(self.numbers[among].sum())
        if not cells:
            return None, None
        share = float(self.numbers[index]) / cells
        gradient = ((np.arange(len(among)) == index) - share * among) / cells
        extra = float(gradient @ self.moments @ gradient) - share * (1 - share) / cells
        return share, widened_wilson_interval(share, cells, max(0.0, extra))
