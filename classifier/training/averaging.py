"""Exponential moving average of a network's weights, steadier than those of the last step."""

from collections.abc import Callable
from typing import Any

import keras


class AveragedWeights(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type stubs
    """Keeps `network`, a copy of the trained one, at the moving average of its weights.

    Averages the moving statistics of batch normalisation as well. Polyak and Juditsky 1992.
    """

    def __init__(self, trained: keras.Model, decay: float) -> None:
        super().__init__()
        self.network = keras.models.clone_model(trained)
        self.network.set_weights(trained.get_weights())
        pairs = list(zip(self.network.weights, trained.weights, strict=True))

        def update() -> None:
            for average, current in pairs:
                average.assign(decay * average + (1 - decay) * current)

        self._update = _compiled(update)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take one step of the average."""
        self._update()


def _compiled(update: Callable[[], None]) -> Callable[[], None]:
    """TensorFlow runs hundreds of small assignments many times faster as one graph."""
    if keras.backend.backend() != "tensorflow":
        return update
    import tensorflow as tf

    graph: Callable[[], None] = tf.function(update)
    return graph
