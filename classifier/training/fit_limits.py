"""Fits what a bundle needs to say when it does not know; never on the test split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from classifier.datasets import Dataset
from classifier.datasets.medmnist import Split
from classifier.evaluation import calibration
from classifier.evaluation.batch_predict import Listener, nobody, outputs
from classifier.evaluation.curves import Scores
from classifier.evaluation.metrics import expected_calibration_error
from classifier.networks.contract import (
    feature_groups,
    feature_layers,
    fold_temperature,
    with_features,
)
from classifier.networks.limits import (
    Uncertainty,
    coordinates,
    nearest,
    squared_distances,
)
from classifier.training.recipe import UncertaintySettings

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]

METHOD: Final = (
    "nearest neighbour of the layers' statistics, by how far apart its own neighbours lie; "
    "least ambiguous conformal sets"
)
DEFAULTS: Final = UncertaintySettings()
AXES: Final = 64
# Share of a layer's mean variance that is added to that of each of its features: what hardly varies
# over the training images would otherwise decide everything.
VARIANCE_FLOOR: Final = 0.1
# So many training images around one say how far apart they lie there.
NEIGHBOURS: Final = 50
# Of images that are there many times over; nothing could be near them otherwise.
LEAST_SPREAD: Final = 0.1
# Distances of so many of them from all others are in memory at a time.
_CHUNK: Final = 1024
# Half as large as float32 in the bundle, and exact enough for distances.
REFERENCE_TYPE: Final = np.float16


@dataclass(frozen=True)
class FittedUncertainty:
    """What uncertainty.npz holds, and what metadata.json says of it.

    `scores` are the calibrated ones that temperature and prediction sets were fitted on.
    """

    uncertainty: Uncertainty
    scores: Scores
    facts: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write uncertainty.npz."""
        arrays = vars(self.uncertainty) | vars(self.scores)
        reference = self.uncertainty.reference.astype(REFERENCE_TYPE)
        np.savez_compressed(path, **{**arrays, "reference": reference})


def calibrate_and_fit(
    network: keras.Model,
    training: Split,
    validation: Split,
    dataset: Dataset,
    *,
    held_out: Scores | None = None,
    layers: Sequence[str] | None = None,
    settings: UncertaintySettings = DEFAULTS,
    listener: Listener = nobody,
) -> FittedUncertainty:
    """Fold the best temperature into the network's weights, and fit its uncertainty.

    Temperature and prediction sets are fitted on the validation split, or on `held_out`, the
    uncalibrated scores of more images; the limit of distances always on the validation split.
    `layers` are those of `feature_layers` by default. `listener` hears how far the predictions are.
    """
    layers = feature_layers(network) if layers is None else list(layers)
    both = with_features(network, layers)
    _, known = outputs(both, training.images, which="training images", listener=listener)
    probabilities, features = outputs(
        both, validation.images, which="validation images", listener=listener
    )
    boasted = held_out or Scores(probabilities.astype(np.float64), validation.labels)
    temperature, scores = _calibrated(boasted)
    fold_temperature(network, temperature)
    fitted = fit_uncertainty(
        known.astype(np.float64),
        features.astype(np.float64),
        feature_groups(network, layers),
        scores,
        settings=settings,
        by_class=dataset.positive_class is not None,
    )
    facts = {
        "temperature": temperature,
        "held_out": _calibration_facts(boasted, scores),
        "method": METHOD,
        "layers": layers,
        "coverage": settings.coverage,
        "class_conditional": dataset.positive_class is not None,
        "acceptance": settings.acceptance,
        "n": {
            "reference": len(known),
            "distances": len(features),
            "scores": len(scores.labels),
        },
    }
    return FittedUncertainty(fitted, scores, facts)


def _calibrated(scores: Scores) -> tuple[float, Scores]:
    logits = calibration.logits_of(scores.probabilities)
    temperature = calibration.fit_temperature(logits, scores.labels)
    return temperature, replace(scores, probabilities=calibration.softmax(logits / temperature))


def _calibration_facts(before: Scores, after: Scores) -> dict[str, float]:
    """On the images that the temperature was fitted on, which flatters a little."""
    return {
        "ece": expected_calibration_error(after.labels, after.probabilities),
        "ece_before": expected_calibration_error(before.labels, before.probabilities),
        "log_loss": calibration.log_loss(after.labels, after.probabilities),
        "log_loss_before": calibration.log_loss(before.labels, before.probabilities),
    }


def fit_uncertainty(
    training: Floats,
    validation: Floats,
    groups: Sequence[int],
    scores: Scores,
    *,
    settings: UncertaintySettings = DEFAULTS,
    by_class: bool = False,
) -> Uncertainty:
    """Fit on features (N, D) of training and validation images and on held-out scores.

    `groups` says how many of the features come from each layer: the layers count alike, however
    wide they are. With `by_class` each class has its own threshold, and so its own coverage.
    """
    centre, scale = training.mean(axis=0), _scale(training, groups)
    axes = _principal_axes((training - centre) / scale)
    # As exact as the file keeps them, so that the limit is that of the file.
    known = coordinates(training, centre, scale, axes).astype(REFERENCE_TYPE)
    reference = known.astype(np.float32)
    spread = _spread(reference)
    distances = nearest(coordinates(validation, centre, scale, axes), reference, spread)
    return Uncertainty(
        centre=centre.astype(np.float32),
        scale=scale.astype(np.float32),
        axes=axes.astype(np.float32),
        reference=reference,
        spread=spread,
        limit=np.array(conformal_quantile(distances, settings.acceptance), np.float32),
        thresholds=_thresholds(scores, settings.coverage, by_class).astype(np.float32),
    )


def _scale(features: Floats, groups: Sequence[int]) -> Floats:
    parts = np.split(features.var(axis=0), np.cumsum(groups)[:-1])
    return np.concatenate(
        [np.sqrt((part + VARIANCE_FLOOR * part.mean()) * len(part)) for part in parts]
    )


def _principal_axes(scaled: Floats) -> Floats:
    """Eigenvectors (D, K) of the covariance with the K largest eigenvalues."""
    _, axes = np.linalg.eigh(scaled.T @ scaled)
    return np.asarray(axes[:, ::-1][:, :AXES])


def _spread(reference: Floats) -> Floats:
    """Mean distance (M,) float32 of each of M points to its nearest others, of mean one."""
    count = min(NEIGHBOURS, len(reference) - 1)
    chunks = (reference[start : start + _CHUNK] for start in range(0, len(reference), _CHUNK))
    distances = np.concatenate([_mean_distance(some, reference, count) for some in chunks])
    shares = distances / max(distances.mean(), np.finfo(np.float32).tiny)
    return np.asarray(np.maximum(shares, LEAST_SPREAD), np.float32)


def _mean_distance(points: Floats, reference: Floats, count: int) -> Floats:
    """Mean distance (N,) of each point to the `count` nearest besides itself."""
    squares = np.maximum(squared_distances(points, reference), 0)
    closest = np.partition(squares, count, axis=1)[:, : count + 1]
    return np.asarray(np.sqrt(closest).sum(axis=1) / count)


def conformal_quantile(scores: Floats, share: float) -> float:
    """The least value that a new score stays under with at least the given probability.

    Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for too few scores
    to promise that, the largest one.
    """
    rank = min(math.ceil((len(scores) + 1) * share), len(scores))
    return float(np.sort(scores)[rank - 1])


def _thresholds(scores: Scores, coverage: float, by_class: bool) -> Floats:
    """The probability (classes,) that the true class reaches in a share `coverage` of cases."""
    likelihood = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    classes = range(scores.probabilities.shape[1])
    members = [scores.labels == index if by_class else slice(None) for index in classes]
    return np.array([-conformal_quantile(-likelihood[each], coverage) for each in members])
