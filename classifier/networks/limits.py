"""When a network does not know: images unlike its training data, and classes it cannot tell apart.

Works on the features of `classifier.networks.contract.with_features` and on probabilities, both as
the network gives them, and on the arrays that `classifier.training.fit_limits` fitted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """Which of N images (N,) are unusual, which unlike the training data; prediction sets (N, C).

    The most probable class is always in its image's set.
    """

    unusual: Flags
    unlike: Flags
    sets: Flags


@dataclass(frozen=True)
class Limits:
    """What uncertainty.npz holds, for D features, K axes, M training images and C classes.

    Attributes:
        centre: (D,) mean of the training images' features.
        scale: (D,) what each feature is divided by.
        axes: (D, K) orthonormal principal axes of the features so scaled.
        reference: (M, K + 1) the training images as `coordinates` gives them.
        spread: (M,) how far from each of these its neighbours lie, one on average.
        limit: () distance above which an image is unusual.
        thresholds: (C,) probability from which a class belongs to the prediction set.
        outer_limit: () distance above which an image is taken for something else. Files of earlier
            releases have none: there it is `limit`, and no image is unusual.
        widened: (C,) the thresholds for an unusual image.
        probabilities: (V, C) those of the labelled images that the thresholds were fitted on.
        labels: (V,) indices of their classes. Without them V is 0.
    """

    centre: Floats
    scale: Floats
    axes: Floats
    reference: Floats
    spread: Floats
    limit: Floats
    thresholds: Floats
    outer_limit: Floats
    widened: Floats
    probabilities: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    labels: Indices = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def read(cls, path: Path) -> Self:
        """From an .npz file of plain arrays. Raises OSError, ValueError and KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: array.astype(np.float32) for name, array in stored.items()}
        arrays.setdefault("outer_limit", arrays["limit"])
        arrays.setdefault("widened", arrays["thresholds"])
        arrays["labels"] = arrays.get("labels", np.zeros(0)).astype(np.int64)
        arrays.setdefault("probabilities", np.zeros((0, len(arrays["thresholds"]))))
        return cls(**{each.name: arrays[each.name] for each in fields(cls)})

    def among(self, possible: Sequence[int], coverage: float) -> Self:
        """The limits where only the classes of these indices are possible.

        Shares of the probability are larger among fewer classes, that of the true class too, so
        that it reaches its threshold at least as often as before. Where errors lie among these
        classes more than among all, that is not yet the promised proportion: so no threshold is
        above what `coverage` needs on the images of these classes that were kept with the limits.
        """
        known = np.isin(self.labels, possible)
        if not known.any():
            return self
        shares = shares_among(self.probabilities[known], possible)
        own = np.take_along_axis(
            shares, np.searchsorted(possible, self.labels[known])[:, None], axis=1
        )
        needed = np.float32(-conformal_quantile(-own[:, 0], coverage))
        return replace(
            self,
            thresholds=np.minimum(self.thresholds, needed),
            widened=np.minimum(self.widened, needed),
        )

    def coordinates(self, features: Floats) -> Floats:
        """Features (N, D) along the axes, and how far they lie from all of these: (N, K + 1)."""
        return coordinates(features, self.centre, self.scale, self.axes)

    def distances(self, features: Floats) -> Floats:
        """Distance (N,) of each image to the nearest training image.

        Nearest neighbours: Sun et al. 2022, "Out-of-distribution detection with deep nearest
        neighbors". Statistics of several layers: Lee et al. 2018, "A simple unified framework for
        detecting out-of-distribution samples and adversarial attacks", section 2.2. What is far
        among training images that lie close together is near where they lie apart: Breunig et al.
        2000, "LOF: identifying density-based local outliers".
        """
        with np.errstate(all="ignore"):  # a network's answer may hold infinities
            return nearest(self.coordinates(features), self.reference, self.spread)

    def judge(
        self, probabilities: Floats, features: Floats, possible: Sequence[int] | None = None
    ) -> Judgement:
        """What to make of N images, from their probabilities (N, C) and features (N, D).

        What has features that are not finite is like nothing. Where only the classes of some
        indices are possible, in ascending order, the sets are of these alone, and an image that
        looks most like another class is unusual: either it shows none of them, or the network errs.
        """
        distances = self.distances(features)
        unlike = ~(distances <= self.outer_limit)
        unusual = ~unlike & (distances > self.limit)
        if possible is None:
            thresholds = np.where(unusual[:, None], self.widened, self.thresholds)
            return Judgement(unusual, unlike, prediction_sets(probabilities, thresholds))
        unusual |= ~unlike & ~np.isin(probabilities.argmax(axis=1), possible)
        thresholds = np.where(unusual[:, None], self.widened, self.thresholds)[:, possible]
        shares = shares_among(probabilities, possible)
        return Judgement(unusual, unlike, prediction_sets(shares, thresholds))


def shares_among(probabilities: Floats, possible: Sequence[int]) -> Floats:
    """Probabilities (N, C) as shares (N, K) among the K classes of these indices.

    Equal ones where the network gives these classes nothing at all.
    """
    given = probabilities[:, possible].astype(np.float64)
    sums = given.sum(axis=1, keepdims=True)
    equal = np.full_like(given, 1 / len(possible))
    return np.asarray(np.divide(given, sums, out=equal, where=sums > 0))


def conformal_quantile(scores: Floats, level: float) -> float:
    """The least value that a new score stays under with at least the given probability.

    Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for too few scores
    to promise that, the largest one.
    """
    rank = min(math.ceil((len(scores) + 1) * level), len(scores))
    return float(np.sort(scores)[rank - 1])


def coordinates(features: Floats, centre: Floats, scale: Floats, axes: Floats) -> Floats:
    """See `Limits.coordinates`."""
    scaled = (features - centre) / scale
    along = scaled @ axes
    beside = np.square(scaled).sum(axis=1) - np.square(along).sum(axis=1)
    return np.column_stack([along, np.sqrt(np.maximum(beside, 0))])


def nearest(points: Floats, reference: Floats, spread: Floats) -> Floats:
    """Distance (N,) of each of N points to the nearest of M, of which each has a spread (M,).

    The Euclidean distance divided by the square root of the spread, half way between that and a
    distance in units of the spread: more of those that a shifted image made err are then beyond the
    limit than with either.
    """
    scaled = squared_distances(points, reference) / spread
    return np.asarray(np.sqrt(np.maximum(scaled.min(axis=1), 0)))


def squared_distances(points: Floats, reference: Floats) -> Floats:
    """Squared Euclidean distance (N, M) of each of N points from each of M."""
    return np.asarray(
        np.square(points).sum(axis=1)[:, None]
        + np.square(reference).sum(axis=1)
        - 2 * points @ reference.T
    )


def prediction_sets(probabilities: Floats, thresholds: Floats) -> Flags:
    """Conformal sets (N, C) of the classes whose probability reaches the class's threshold.

    The thresholds are those of all images (C,), or of each (N, C).

    Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error
    levels". Such a set may be empty; here the most probable class is always in it.
    """
    sets = probabilities >= thresholds
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    return np.asarray(sets)
