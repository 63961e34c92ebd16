"""When a network does not know: images unlike its training data, and classes it cannot tell apart.

Works on the features of `classifier.networks.contract.with_features` and on probabilities, both as
the network gives them, and on the arrays that `classifier.training.fit_limits` fitted.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]


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

    @classmethod
    def read(cls, path: Path) -> Self:
        """From an .npz file of plain arrays. Raises OSError, ValueError and KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: array.astype(np.float32) for name, array in stored.items()}
        arrays.setdefault("outer_limit", arrays["limit"])
        arrays.setdefault("widened", arrays["thresholds"])
        return cls(*(arrays[field.name] for field in fields(cls)))

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

    def judge(self, probabilities: Floats, features: Floats) -> Judgement:
        """What to make of N images, from their probabilities (N, C) and features (N, D).

        What has features that are not finite is like nothing.
        """
        distances = self.distances(features)
        unlike = ~(distances <= self.outer_limit)
        unusual = ~unlike & (distances > self.limit)
        thresholds = np.where(unusual[:, None], self.widened, self.thresholds)
        return Judgement(unusual, unlike, prediction_sets(probabilities, thresholds))


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
