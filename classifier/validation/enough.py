"""How narrow an interval is, and how many more images would make it as narrow as wished."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from classifier.statistics.clustered import wilson
from classifier.validation.report import ClassFigures, ClassNeed, Enough, Estimate, Need

HALF_WIDTHS: Final = (0.05, 0.03, 0.01)
Z: Final = 1.96
MOST: Final = 1_000_000


def enough(
    accuracy: Estimate, balanced: Estimate, classes: Sequence[ClassFigures]
) -> tuple[Enough, ...]:
    """For accuracy, balanced accuracy, and the recall of each class that has images.

    Further images are taken to be like these: as often right, and as many to a patient.
    """
    present = [each for each in classes if each.recall.n]
    return (
        Enough(
            label="accuracy",
            now=_half_width(accuracy),
            needs=tuple(
                Need(half_width=half, more=more_images(accuracy, half), classes=())
                for half in HALF_WIDTHS
            ),
        ),
        Enough(
            label="balanced accuracy",
            now=_half_width(balanced),
            needs=tuple(_balanced_need(present, half) for half in HALF_WIDTHS),
        ),
        *(
            Enough(
                label=each.label,
                now=_half_width(each.recall),
                needs=tuple(_class_need(each, half) for half in HALF_WIDTHS),
            )
            for each in present
        ),
    )


def _half_width(estimate: Estimate) -> float | None:
    if estimate.interval is None:
        return None
    low, high = estimate.interval
    return (high - low) / 2


def more_images(estimate: Estimate, half_width: float) -> int:
    """How many more images a proportion needs; 0 where its interval is narrow enough."""
    if estimate.value is None or not estimate.effective_n:
        return 0
    # Each image tells as much as it does now, and what is all right so far need not stay so.
    told = min(1.0, estimate.effective_n / estimate.n)
    share = _planned(estimate.value, estimate.n * told)
    low, high = estimate.n, MOST
    while low < high:
        middle = (low + high) // 2
        lower, upper = wilson(np.array([share]), np.array([middle * told]))
        if upper[0] - lower[0] <= 2 * half_width:
            high = middle
        else:
            low = middle + 1
    return low - estimate.n


def _planned(share: float, told: float) -> float:
    """The middle of Wilson's interval, which is never a certainty."""
    return (share * told + Z**2 / 2) / (told + Z**2)


def _class_need(figures: ClassFigures, half_width: float) -> Need:
    more = more_images(figures.recall, half_width)
    return Need(
        half_width=half_width, more=more, classes=(ClassNeed(label=figures.label, more=more),)
    )


def _balanced_need(classes: Sequence[ClassFigures], half_width: float) -> Need:
    """Each class filled up to the least number that is enough for all together."""
    low, high = 1, MOST
    while low < high:
        middle = (low + high) // 2
        if _balanced_half_width(classes, middle) <= half_width:
            high = middle
        else:
            low = middle + 1
    needs = tuple(
        ClassNeed(label=each.label, more=max(0, low - each.recall.n))
        for each in classes
        if each.recall.n < low
    )
    return Need(half_width=half_width, more=sum(each.more for each in needs), classes=needs)


def _balanced_half_width(classes: Sequence[ClassFigures], least: int) -> float:
    variance = 0.0
    for each in classes:
        recall = each.recall
        told = min(1.0, (recall.effective_n or recall.n) / recall.n)
        share = _planned(recall.value or 0.0, recall.n * told)
        variance += share * (1 - share) / (max(recall.n, least) * told)
    return Z * math.sqrt(variance) / len(classes)
