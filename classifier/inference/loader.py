"""Loads model bundles for inference, once per process.

TensorFlow is imported inside the functions: only a worker's child process may load it (a forked
TensorFlow hangs, and the web process has no use for it).
"""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from classifier import catalogue
from classifier.bundles import registry
from classifier.models import TrainedModel
from classifier.networks.contract import with_features
from classifier.networks.limits import Limits, shares_among

logger = logging.getLogger(__name__)

# Probabilities (N, classes), and for bundles with limits the features (N, features).
Forward = Callable[[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]

_loading = threading.Lock()


class ModelUnavailable(Exception):
    """The bundle is gone, broken, or no longer the one that was registered."""


@dataclass(frozen=True)
class Answer:
    """What a model says of one image; most only where its bundle has uncertainty.npz.

    The probabilities are those of `classes`, the possible ones. The prediction set names its
    classes, the most probable first.
    """

    classes: Sequence[str]
    probabilities: npt.NDArray[np.floating]
    in_distribution: bool | None = None
    is_unusual: bool = False
    prediction_set: list[str] | None = None
    features: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A bundle whose network is in memory and ready."""

    bundle: registry.Bundle
    network: Any
    forward: Forward
    limits: Limits | None = None

    def answer(
        self,
        pixels: npt.NDArray[np.uint8],
        possible: Sequence[Sequence[str] | None] | None = None,
    ) -> list[Answer]:
        """Answers to images (N, size, size, channels) with values 0–255, from one forward pass.

        `possible` names for each image the classes that it can show, None for all of them.
        """
        probabilities, *features = self.forward(pixels.astype(np.float32))
        chosen = [None if each is None else tuple(each) for each in possible or ()]
        if not any(chosen):
            return self._answers_among(None, probabilities, *features)
        answers: dict[int, Answer] = {}
        for labels in dict.fromkeys(chosen):
            rows = [row for row, each in enumerate(chosen) if each == labels]
            parts = probabilities[rows], *(each[rows] for each in features)
            answers |= zip(rows, self._answers_among(labels, *parts), strict=True)
        return [answers[row] for row in range(len(chosen))]

    def _answers_among(
        self,
        labels: tuple[str, ...] | None,
        probabilities: npt.NDArray[np.float32],
        *features: npt.NDArray[np.float32],
    ) -> list[Answer]:
        classes, indices = labels or self.bundle.classes, None
        shares: npt.NDArray[np.floating] = probabilities
        if labels is not None:
            indices = [self.bundle.classes.index(label) for label in labels]
            shares = shares_among(probabilities, indices)
        limits = self._limits_among(labels)
        if limits is None:
            return [Answer(classes, row) for row in shares]
        judged = limits.judge(probabilities, features[0], indices)
        return [
            Answer(
                classes,
                row,
                not unlike,
                bool(unusual),
                [classes[index] for index in (-row).argsort() if members[index]],
                feature_row,
            )
            for row, unlike, unusual, members, feature_row in zip(
                shares, judged.unlike, judged.unusual, judged.sets, features[0], strict=True
            )
        ]

    @functools.lru_cache(maxsize=64)  # noqa: B019, models stay as long as the process
    def _limits_among(self, labels: tuple[str, ...] | None) -> Limits | None:
        described = self.bundle.metadata.uncertainty
        if self.limits is None or described is None or labels is None:
            return self.limits
        indices = [self.bundle.classes.index(label) for label in labels]
        return self.limits.among(indices, described.coverage)


def load(trained_model: TrainedModel) -> LoadedModel:
    """The network of a registered model, from memory after the first call.

    Raises ModelUnavailable where its bundle cannot be loaded.
    """
    with _loading:
        return _load(trained_model.slug, trained_model.version, trained_model.sha256)


@functools.lru_cache(maxsize=16)
def _load(slug: str, version: int, sha256: str) -> LoadedModel:
    started = time.monotonic()
    try:
        bundle = registry.load_bundle(catalogue.bundle_path(slug))
    except registry.BundleError as error:
        raise ModelUnavailable(str(error)) from error
    if (bundle.version, bundle.sha256) != (version, sha256):
        raise ModelUnavailable(f"{slug} changed on disk: run manage.py load_bundles.")
    try:
        limits = Limits.read(bundle.limits_path) if bundle.limits_path else None
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras

        network = keras.models.load_model(bundle.weights_path, compile=False, safe_mode=True)
        loaded = LoadedModel(bundle, network, _compile(bundle, network), limits)
        _warm(loaded)
    except SoftTimeLimitExceeded:
        raise
    # What Keras raises depends on what is wrong with the file.
    except Exception as error:
        raise ModelUnavailable(f"{slug} could not be loaded: {error}") from error
    logger.info("Loaded %s version %d in %.1f s", slug, version, time.monotonic() - started)
    return loaded


def _compile(bundle: registry.Bundle, network: Any) -> Forward:
    """One traced graph for every batch size.

    `Model.predict` sets up a data pipeline on each call (tens of milliseconds), `predict_on_batch`
    traces anew for every batch size; a signature with an open batch dimension does neither.
    """
    import tensorflow as tf

    if bundle.metadata.uncertainty:
        network = with_features(network, bundle.metadata.uncertainty.layers)
    shape = (None, bundle.input_size, bundle.input_size, bundle.channels)
    graph = tf.function(
        lambda pixels: network(pixels, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32)],
    )
    return lambda pixels: [np.asarray(each) for each in tf.nest.flatten(graph(tf.constant(pixels)))]


def _warm(loaded: LoadedModel) -> None:
    """Run each batch size that counts once, so that no person waits for the first one.

    Raises ValueError where the answers are not one probability for each class.
    """
    size, channels = loaded.bundle.input_size, loaded.bundle.channels
    for count in (1, settings.PREDICTION_BATCH_SIZE):
        pixels = np.zeros((count, size, size, channels), np.uint8)
        shapes = [answer.probabilities.shape for answer in loaded.answer(pixels)]
        if shapes != [(len(loaded.bundle.classes),)] * count:
            raise ValueError(f"{count} images gave answers of the shapes {set(shapes)}.")


def warm_active_models() -> None:
    """Load what all may ask for; a model that fails is named in the log and stops nothing."""
    for trained_model in TrainedModel.objects.active().filter(is_offered=True):
        try:
            load(trained_model)
        except ModelUnavailable:
            logger.exception("Model %s cannot be loaded", trained_model.slug)
