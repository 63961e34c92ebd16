"""Exponential moving average of a network's weights, steadier than those of the last step.

By hand, since the average of Keras's optimizers leaves out the statistics of batch normalisation,
which belong to other weights then, and stands in the optimizer, from which no checkpoint reads it.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import keras

Variables = Sequence[Any]


class AveragedWeights(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type stubs
    """Keeps `network`, a copy of the trained one, at the moving average of its weights.

    Averages the moving statistics of batch normalisation as well. Polyak and Juditsky 1992.
    """

    def __init__(self, trained: keras.Model, decay: float) -> None:
        super().__init__()
        self.network = keras.models.clone_model(trained)
        self.network.set_weights(trained.get_weights())
        self._update = _update(self.network.weights, trained.weights, decay)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take one step of the average."""
        assert self.model  # noqa: S101  # asked for, Keras on JAX brings the weights up to date
        self._update()


def _update(averages: Variables, current: Variables, decay: float) -> Callable[[], None]:
    """Compiled, hundreds of small assignments take many times less than one by one."""

    def update() -> None:
        for average, value in zip(averages, current, strict=True):
            average.assign(decay * average + (1 - decay) * value)

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return cast(Callable[[], None], tf.function(update))
        case "jax":
            return _jax_update(averages, current, decay)
        case _:
            return update


def _jax_update(averages: Variables, current: Variables, decay: float) -> Callable[[], None]:
    import jax

    def step(old: list[Any], new: list[Any]) -> list[Any]:
        return [decay * each + (1 - decay) * other for each, other in zip(old, new, strict=True)]

    compiled = jax.jit(step)

    def update() -> None:
        values = compiled([each.value for each in averages], [each.value for each in current])
        for average, value in zip(averages, values, strict=True):
            average.assign(value)

    return update
