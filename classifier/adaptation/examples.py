"""Labelled images of a laboratory as a network sees them, and whether they are enough."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from classifier.errors import PlainError
from classifier.evaluation.scores import Floats, Labels

# Of a class with fewer images nothing can be learnt and measured as well.
FEWEST_OF_A_CLASS: Final = 5
FEWEST_CLASSES: Final = 2
# Of a class that no network has learnt, fewer say too little.
FEWEST_OF_AN_OWN_CLASS: Final = 10


class NotEnough(PlainError):
    """Labelled images that nothing can be fitted to; says what is missing."""


@dataclass(frozen=True)
class Examples:
    """What a network makes of N labelled images.

    Attributes:
        inputs: (N, D) of its linear head.
        features: (N, F) of its limits.
        probabilities: (N, C) that it gives as it was shipped.
        labels: (N,) class indices.
        groups: (N,) numbers: images of one patient, slide or case, and near-duplicates, share one.
    """

    inputs: Floats
    features: Floats
    probabilities: Floats
    labels: Labels
    groups: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, chosen: NDArray[Any]) -> Self:
        """Some of them, by their numbers or by flags."""
        return replace(self, **{name: array[chosen] for name, array in vars(self).items()})


def naming_the_commonest(labels: Labels, classes: int) -> Floats:
    """Probabilities (N, C) of who always names the class that has most images."""
    commonest = int(np.bincount(labels, minlength=classes).argmax())
    return np.tile(np.eye(classes)[commonest], (len(labels), 1))


def fewest_scores(level: float) -> int:
    """How many images it takes to promise a level: 19 for 95 %, 99 for 99 %."""
    return math.ceil(round(level / (1 - level), 6))


def check_enough(labels: Labels, groups: Labels, names: Sequence[str]) -> None:
    """Raise NotEnough unless two classes have five images each, from two groups or more."""
    counts = np.bincount(labels, minlength=len(names))
    usable = [
        index
        for index in np.flatnonzero(counts >= FEWEST_OF_A_CLASS)
        if len(np.unique(groups[labels == index])) > 1
    ]
    if len(usable) >= FEWEST_CLASSES:
        return
    found = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True) if count)
    raise NotEnough(
        f"To adapt a model takes {FEWEST_OF_A_CLASS} images or more of at least {FEWEST_CLASSES} "
        "classes, of each from two patients or slides where these are named. Here are "
        f"{len(labels)}: {found or 'none of a class that the model knows'}. Add labelled images."
    )
