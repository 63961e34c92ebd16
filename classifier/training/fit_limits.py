"""Fits what a bundle needs to say when it does not know; never on the test split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier.bundles.schema import FittedOn, HeldOutCalibration
from classifier.datasets import Dataset
from classifier.datasets.medmnist import Split
from classifier.evaluation.batch_predict import Listener, ignore, outputs
from classifier.evaluation.calibration import fit_temperature, log_loss, logits_of
from classifier.evaluation.conformal import conformal_quantile, conformal_thresholds
from classifier.evaluation.metrics import expected_calibration_error
from classifier.evaluation.scores import Scores
from classifier.networks.contract import (
    feature_groups,
    feature_layers,
    fold_temperature,
    with_features,
)
from classifier.networks.limits import Limits, coordinates, nearest, squared_distances
from classifier.training.recipe import LimitSettings

Floats = NDArray[np.floating]

METHOD: Final = (
    "nearest neighbour of the layers' statistics, by how far apart its own neighbours lie; "
    "least ambiguous conformal sets"
)
DEFAULTS: Final = LimitSettings()
AXES: Final = 64
# Fraction of a layer's mean variance that is added to that of each of its features: what hardly
# varies over the training images would otherwise decide everything.
VARIANCE_FLOOR: Final = 0.1
# The mean distance to this many neighbours measures the density of training images at a point.
NEIGHBOURS: Final = 50
# Of images that are there many times over; nothing could be near them otherwise.
LEAST_SPREAD: Final = 0.1
# Shares of shifted images that are nearer than the two limits: more of those farther out are of
# something else.
ACCEPTED_OF_SHIFTED: Final = 0.8
KNOWN_OF_SHIFTED: Final = 0.9
# Distances of so many of them from all others are in memory at a time.
_CHUNK: Final = 1024
# Half as large as float32 in the bundle, and exact enough for distances.
REFERENCE_TYPE: Final = np.float16


@dataclass(frozen=True)
class FittedLimits:
    """What uncertainty.npz holds, and what metadata.json says of it besides its checksum.

    `scores` are the calibrated ones that temperature and prediction sets were fitted on.
    """

    limits: Limits
    scores: Scores
    description: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write uncertainty.npz."""
        arrays = vars(self.limits) | vars(self.scores)
        large = {name: arrays[name].astype(REFERENCE_TYPE) for name in ("reference", "axes")}
        np.savez_compressed(path, **{**arrays, **large})


def calibrate_and_fit(
    network: keras.Model,
    training: Split,
    validation: Split,
    dataset: Dataset,
    *,
    held_out: Scores | None = None,
    shift: Split | None = None,
    layers: Sequence[str] | None = None,
    settings: LimitSettings = DEFAULTS,
    listener: Listener = ignore,
) -> FittedLimits:
    """Fold the best temperature into the network's weights, and fit its limits.

    Temperature and prediction sets are fitted on the validation split, or on `held_out`, the
    uncalibrated scores of more images; the limit of distances always on the validation split. With
    `shift`, validation images as another laboratory might have them, see `graded`.
    `layers` are those of `feature_layers` by default. `listener` hears how far the predictions are.
    """
    layers = feature_layers(network) if layers is None else list(layers)
    both = with_features(network, layers)
    # Evenly spread, or all where no number of them is wanted.
    count = len(training.labels)
    rows = np.linspace(0, count - 1, min(settings.references, count) or count).astype(np.int64)
    references = training.images[rows]
    _, known = outputs(both, references, which="training images", listener=listener)
    probabilities, features = outputs(
        both, validation.images, which="validation images", listener=listener
    )
    uncalibrated = held_out or Scores(probabilities.astype(np.float64), validation.labels)
    logits = logits_of(uncalibrated.probabilities)
    temperature = fit_temperature(logits, uncalibrated.labels)
    scores = replace(uncalibrated, probabilities=softmax(logits / temperature, axis=1))
    fold_temperature(network, temperature)
    by_class = dataset.positive_class is not None
    limits = fit_limits(
        known.astype(np.float64),
        features.astype(np.float64),
        feature_groups(network, layers),
        scores,
        settings=settings,
        by_class=by_class,
    )
    if shift:
        probabilities, features = outputs(
            both, shift.images, which="shifted images", listener=listener
        )
        shifted_logits = logits_of(probabilities.astype(np.float64)) / temperature
        shifted = Scores(softmax(shifted_logits, axis=1), shift.labels)
        limits = graded(limits, features.astype(np.float64), shifted, scores, settings)
    description = {
        "temperature": temperature,
        "held_out": HeldOutCalibration(
            ece=expected_calibration_error(scores.labels, scores.probabilities),
            ece_before=expected_calibration_error(uncalibrated.labels, uncalibrated.probabilities),
            log_loss=log_loss(scores.labels, scores.probabilities),
            log_loss_before=log_loss(uncalibrated.labels, uncalibrated.probabilities),
        ),
        "method": METHOD,
        "layers": tuple(layers),
        "coverage": settings.coverage,
        "class_conditional": by_class,
        "acceptance": settings.acceptance,
        "n": FittedOn(reference=len(known), distances=len(features), scores=len(scores.labels)),
    }
    return FittedLimits(limits, scores, description)


def fit_limits(
    training: Floats,
    validation: Floats,
    groups: Sequence[int],
    scores: Scores,
    *,
    settings: LimitSettings = DEFAULTS,
    by_class: bool = False,
) -> Limits:
    """Fit on features (N, D) of training and validation images and on held-out scores.

    `groups` says how many of the features come from each layer: the layers count alike, however
    wide they are. With `by_class` each class has its own threshold, and so its own coverage.
    """
    parts = np.split(training.var(axis=0), np.cumsum(groups)[:-1])
    scale = np.concatenate(
        [np.sqrt((part + VARIANCE_FLOOR * part.mean()) * len(part)) for part in parts]
    )
    centre = training.mean(axis=0)
    scaled = (training - centre) / scale
    # The eigenvectors (D, K) of the covariance with the K largest eigenvalues.
    # As exact as the file keeps them, so that the limit is that of the file.
    axes = np.linalg.eigh(scaled.T @ scaled).eigenvectors[:, ::-1][:, :AXES]
    axes = axes.astype(REFERENCE_TYPE).astype(np.float64)
    known = coordinates(training, centre, scale, axes).astype(REFERENCE_TYPE)
    reference = known.astype(np.float32)
    spreads = spread(reference)
    distances = nearest(coordinates(validation, centre, scale, axes), reference, spreads)
    limit = np.array(conformal_quantile(distances, settings.acceptance), np.float32)
    thresholds = conformal_thresholds(scores, settings.coverage, by_class=by_class)
    return Limits(
        centre=centre.astype(np.float32),
        scale=scale.astype(np.float32),
        axes=axes.astype(np.float32),
        reference=reference,
        spread=spreads,
        limit=limit,
        thresholds=thresholds.astype(np.float32),
        outer_limit=limit,
        widened=thresholds.astype(np.float32),
    )


def graded(
    limits: Limits, features: Floats, shifted: Scores, scores: Scores, settings: LimitSettings
) -> Limits:
    """Limits in three steps, from features (N, D) and calibrated scores of N shifted images.

    Accepted is what is no farther from the training images than most of the shifted ones are, and
    unlike what is farther than nearly all: the network has learned from such. What lies between is
    unusual. Each step's sets hold the true class as often as promised, of images shifted so far;
    to the accepted belong also the images that `scores` are of.
    """
    distances = limits.distances(features)
    limit, outer_limit = (
        max(float(limits.limit), conformal_quantile(distances, share))
        for share in (ACCEPTED_OF_SHIFTED, KNOWN_OF_SHIFTED)
    )
    near = distances <= limit
    between = ~near & (distances <= outer_limit)
    accepted = Scores(
        np.concatenate([scores.probabilities, shifted.probabilities[near]]),
        np.concatenate([scores.labels, shifted.labels[near]]),
    )
    unusual = Scores(shifted.probabilities[between], shifted.labels[between])
    thresholds = conformal_thresholds(accepted, settings.coverage, by_class=False)
    widened = thresholds
    if between.any():
        widened = conformal_thresholds(unusual, settings.coverage, by_class=False)
    return replace(
        limits,
        limit=np.array(limit, np.float32),
        outer_limit=np.array(outer_limit, np.float32),
        thresholds=thresholds.astype(np.float32),
        widened=np.minimum(widened, thresholds).astype(np.float32),
    )


def spread(reference: Floats) -> Floats:
    """Mean distance (M,) float32 of each of M points to its nearest others, of mean one."""
    count = min(NEIGHBOURS, len(reference) - 1)
    means = []
    for start in range(0, len(reference), _CHUNK):
        squares = squared_distances(reference[start : start + _CHUNK], reference)
        # The nearest of all is the point itself, at a distance of zero.
        closest = np.partition(np.maximum(squares, 0), count, axis=1)[:, : count + 1]
        means.append(np.sqrt(closest).sum(axis=1) / count)
    distances = np.concatenate(means)
    relative = distances / max(distances.mean(), np.finfo(np.float32).tiny)
    return np.asarray(np.maximum(relative, LEAST_SPREAD), np.float32)
