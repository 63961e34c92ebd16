"""Loads model bundles for inference, once per process.

TensorFlow is imported inside the functions: only a worker's child process may load it (a forked
TensorFlow hangs, and the web process has no use for it).
"""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from classifier import registry
from classifier.models import TrainedModel

logger = logging.getLogger(__name__)

Forward = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

_loading = threading.Lock()


class ModelUnavailable(Exception):
    """The bundle is gone, broken, or no longer the one that was registered."""


@dataclass(frozen=True)
class LoadedModel:
    """A bundle whose network is in memory and ready."""

    bundle: registry.Bundle
    forward: Forward

    def predict(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities (N, classes) of images (N, size, size, channels) with values 0–255."""
        return self.forward(pixels.astype(np.float32))


def load(trained_model: TrainedModel) -> LoadedModel:
    """The network of a registered model, from memory after the first call.

    Raises ModelUnavailable where its bundle cannot be loaded.
    """
    with _loading:
        return _load(trained_model.slug, trained_model.version, trained_model.sha256)


@functools.lru_cache(maxsize=16)
def _load(slug: str, version: int, sha256: str) -> LoadedModel:
    started = time.monotonic()
    bundle = _verified_bundle(slug, version, sha256)
    try:
        loaded = LoadedModel(bundle, _compile(bundle))
        _warm(loaded)
    except SoftTimeLimitExceeded:
        raise
    # What Keras raises depends on what is wrong with the file.
    except Exception as error:
        raise ModelUnavailable(f"{slug} could not be loaded: {error}") from error
    logger.info("Loaded %s version %d in %.1f s", slug, version, time.monotonic() - started)
    return loaded


def _verified_bundle(slug: str, version: int, sha256: str) -> registry.Bundle:
    try:
        bundle = registry.load_bundle(settings.MODELS_DIR / slug)
    except registry.BundleError as error:
        raise ModelUnavailable(str(error)) from error
    if (bundle.version, bundle.sha256) != (version, sha256):
        raise ModelUnavailable(f"{slug} changed on disk: run manage.py load_bundles.")
    return bundle


def _compile(bundle: registry.Bundle) -> Forward:
    """One traced graph for every batch size.

    `Model.predict` sets up a data pipeline on each call (tens of milliseconds), `predict_on_batch`
    traces anew for every batch size; a signature with an open batch dimension does neither.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    network = keras.models.load_model(bundle.weights_path, compile=False, safe_mode=True)
    shape = (None, bundle.input_size, bundle.input_size, bundle.channels)
    graph = tf.function(
        lambda pixels: network(pixels, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32)],
    )
    return lambda pixels: np.asarray(graph(tf.constant(pixels)))


def _warm(loaded: LoadedModel) -> None:
    """Run each batch size that counts once, so that no person waits for the first one.

    Raises ValueError where the answers are not one probability for each class.
    """
    size, channels = loaded.bundle.input_size, loaded.bundle.channels
    for count in (1, settings.PREDICTION_BATCH_SIZE):
        answers = loaded.predict(np.zeros((count, size, size, channels), np.uint8))
        if answers.shape != (count, len(loaded.bundle.classes)):
            raise ValueError(f"{count} images gave answers of the shape {answers.shape}.")


def warm_active_models() -> None:
    """Load what may be asked for; a model that fails is named in the log and stops nothing."""
    for trained_model in TrainedModel.objects.active():
        try:
            load(trained_model)
        except ModelUnavailable:
            logger.exception("Model %s cannot be loaded", trained_model.slug)
