"""Runs a network over many images, and tells how far it is."""

from collections.abc import Callable
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

BATCH: Final = 256
# Of large images fewer at a time, so that their feature maps fit into memory.
BATCH_PIXELS: Final = BATCH * 64 * 64

# Is told which images are predicted, how many of them are done, and how many there are.
Listener = Callable[[str, int, int], None]


def ignore(which: str, done: int, total: int) -> None:
    """The listener of a caller who does not wait."""


def predict(
    network: keras.Model,
    images: NDArray[np.uint8],
    *,
    which: str = "images",
    listener: Listener = ignore,
) -> NDArray[np.float64]:
    """Probabilities (N, classes) float64 of images; see `outputs`."""
    return np.asarray(outputs(network, images, which=which, listener=listener), np.float64)


def outputs(
    network: keras.Model,
    images: NDArray[np.uint8],
    *,
    which: str = "images",
    listener: Listener = ignore,
) -> Any:
    """All that a network says of images (N, size, size, channels) uint8.

    `listener` hears after each batch how many of the images, named `which`, are done.
    """
    batch = min(BATCH, max(1, BATCH_PIXELS // images[0, :, :, 0].size))

    def on_batch_end(index: int, logs: Any = None) -> None:
        listener(which, min(batch * (index + 1), len(images)), len(images))

    reporter = keras.callbacks.LambdaCallback(on_predict_batch_end=on_batch_end)
    return network.predict(images, batch_size=batch, verbose=0, callbacks=[reporter])
