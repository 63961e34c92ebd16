"""Trains a network by a recipe, one epoch at a time, so that a killed run goes on where it was."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from classifier.bundles.schema import EpochRecord
from classifier.datasets.frames import Frames
from classifier.datasets.medmnist import Split
from classifier.errors import PlainError
from classifier.evaluation import metrics
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.calibration import log_loss
from classifier.evaluation.scores import Scores
from classifier.networks.architectures import ARCHITECTURES, ImageSpec
from classifier.networks.contract import LOGITS_LAYER
from classifier.training.augmentation import augment
from classifier.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from classifier.training.ema import AveragedWeights
from classifier.training.frame_crops import cut_anew
from classifier.training.recipe import Recipe, Selection

CHECKPOINT_FILE = "checkpoint.npz"


class ResumeError(PlainError):
    """The interrupted run followed another recipe than the one asked for."""


@dataclass(frozen=True)
class Progress:
    """How far a run is. `record` is the finished epoch's line of history, None within an epoch."""

    epoch: int
    batch: int
    batches_per_epoch: int
    record: EpochRecord | None = None


Listener = Callable[[Progress], None]
# Learning rate by the number of steps taken.
Schedule = Callable[[Any], Any]
Weights = NDArray[np.floating]


@dataclass(frozen=True)
class TrainedNetwork:
    """The network with the weights of the selected epoch (1-based), and the run's history.

    `validation` are the scores of the network as it is, which may see each image in several views
    where that of the history saw one.
    """

    network: keras.Model
    selected_epoch: int
    history: list[EpochRecord]
    validation: Scores


def train(
    recipe: Recipe,
    classes: int,
    training: Split,
    validation: Split,
    directory: Path,
    *,
    frames: Frames | None = None,
    start: Sequence[Weights] | None = None,
    resume: bool = False,
    listener: Listener = lambda progress: None,
) -> TrainedNetwork:
    """Train by the recipe, leaving a checkpoint in `directory` after every epoch.

    `frames` are those of the training images, for a recipe that cuts from them; `start` are the
    weights to begin with, in place of random ones.
    With `resume` the run goes on after the last finished epoch and ends as if never interrupted;
    where there is no checkpoint it starts. Raises ResumeError.
    """
    path = directory / CHECKPOINT_FILE
    checkpoint = load_checkpoint(path) if resume and path.exists() else None
    if checkpoint and checkpoint.recipe != recorded(recipe):
        raise ResumeError(
            f"The interrupted training of {recipe.slug} followed another recipe; "
            "without --resume it starts anew."
        )
    run = TrainingRun(recipe, classes, training, validation, frames, start)
    if checkpoint is not None:
        run.restore(checkpoint)
    for epoch in range(len(run.checkpoint.history) + 1, recipe.epochs + 1):
        record = run.train_epoch(epoch, listener)
        save_checkpoint(path, run.state())
        listener(Progress(epoch, run.batches_per_epoch, run.batches_per_epoch, record))
    return run.selected_network()


def recorded(recipe: Recipe) -> dict[str, Any]:
    """A recipe as it comes back from a checkpoint, where tuples have become lists."""
    return recipe.model_dump(mode="json")


class TrainingRun:
    """One training in memory: network, optimizer, averaged weights and history."""

    def __init__(
        self,
        recipe: Recipe,
        classes: int,
        training: Split,
        validation: Split,
        frames: Frames | None = None,
        start: Sequence[Weights] | None = None,
    ) -> None:
        keras.utils.set_random_seed(recipe.seed)
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
        self.recipe = recipe
        self.training, self.validation, self.frames = training, validation, frames
        self.targets = keras.utils.to_categorical(training.labels, classes)
        self.sample_weights = _sample_weights(recipe, training.labels, classes)
        self.batches_per_epoch = max(1, len(training.labels) // recipe.batch_size)
        self.classes = classes
        with dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32"):
            self.network = _build_network(recipe, classes, training)
        if start is not None:
            self.network.set_weights(start)
        self.learner, self.average = self._learner(recipe), self._average(recipe)
        self.checkpoint = Checkpoint(recipe=recorded(recipe))
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.prepared: dict[int, Future[tuple[NDArray[np.int64], NDArray[np.uint8]]]] = {}

    def _learner(self, recipe: Recipe) -> keras.Model:
        """The loss is taken on the logits, where it is numerically stable."""
        logits = self.network.get_layer(LOGITS_LAYER).output
        learner = keras.Model(self.network.inputs, logits)
        learner.compile(
            optimizer=_optimizer(recipe, self.batches_per_epoch),
            loss=keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=recipe.label_smoothing
            ),
            metrics=["accuracy"],
            # On a CPU, XLA gains nothing here and takes long to compile; JAX is slow without it.
            jit_compile=keras.backend.backend() == "jax",
        )
        learner.optimizer.build(learner.trainable_variables)
        return learner

    def _average(self, recipe: Recipe) -> AveragedWeights | None:
        decay = recipe.weight_averaging
        return AveragedWeights(self.network, decay) if decay else None

    def _begin_fine_tuning(self) -> None:
        """Go on from the weights that would be exported, with another optimizer and average."""
        self.network.set_weights(self.candidate.get_weights())
        recipe = self.recipe.fine_tuning_recipe()
        self.learner, self.average = self._learner(recipe), self._average(recipe)

    @property
    def candidate(self) -> keras.Model:
        """The network whose weights may be exported: the averaged one where there is one."""
        return self.average.network if self.average else self.network

    def train_epoch(self, epoch: int, listener: Listener) -> EpochRecord:
        """Train one epoch (1-based) and add its record to the history."""
        started = time.monotonic()
        if self.recipe.fine_tuning_epochs and epoch == self.recipe.main_epochs + 1:
            self._begin_fine_tuning()
        logs = self._fit(epoch, listener)
        probabilities = predict(self.candidate, self.validation.images)
        record = EpochRecord(
            epoch=epoch,
            learning_rate=float(self.learner.optimizer.learning_rate),
            loss=logs["loss"],
            accuracy=logs["accuracy"],
            **validation_metrics(Scores(probabilities, self.validation.labels)),
            seconds=round(time.monotonic() - started, 1),
        )
        self.checkpoint.history.append(record)
        if best_epoch(self.checkpoint.history, self.recipe.selection) == epoch:
            self.checkpoint.selected = self.candidate.get_weights()
            self.checkpoint.selected_epoch = epoch
        return record

    def _fit(self, epoch: int, listener: Listener) -> dict[str, float]:
        # The next epoch's images are made while the network learns from the present ones.
        order, images = (
            self.prepared.pop(epoch, None) or self.pool.submit(self._prepare, epoch)
        ).result()
        if epoch < self.recipe.epochs:
            self.prepared = {epoch + 1: self.pool.submit(self._prepare, epoch + 1)}
        callbacks = [_BatchListener(epoch, self.batches_per_epoch, listener)]
        history = self.learner.fit(
            images,
            self.targets[order],
            sample_weight=self.sample_weights[order],
            batch_size=self.recipe.batch_size,
            epochs=epoch,
            initial_epoch=epoch - 1,
            shuffle=False,
            verbose=0,
            callbacks=callbacks + ([self.average] if self.average else []),
        )
        return {name: float(values[-1]) for name, values in history.history.items()}

    def _prepare(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Rows of the training images in the order of an epoch, and the images, changed."""
        # Order and augmentation hang on seed and epoch alone, so a resumed run repeats neither.
        seeds = np.random.SeedSequence([self.recipe.seed, epoch]).generate_state(3)
        order = np.random.default_rng(seeds[0]).permutation(len(self.targets))
        # A last batch of a few images would upset the statistics of batch normalisation.
        order = order[: self.batches_per_epoch * self.recipe.batch_size]
        settings = self.recipe.augmentation_in(epoch)
        images = self.training.images[order]
        if settings.frames and self.frames:
            images = cut_anew(images, self.frames, order, settings.frames, int(seeds[2]))
        return order, augment(images, settings, int(seeds[1]) % 2**30)

    def state(self) -> Checkpoint:
        """The checkpoint, brought up to date with all variables."""
        self.checkpoint.variables = [np.asarray(each) for each in self._variables()]
        return self.checkpoint

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up the state that a checkpoint holds."""
        if len(checkpoint.history) > self.recipe.main_epochs:
            self._begin_fine_tuning()
        for variable, value in zip(self._variables(), checkpoint.variables, strict=True):
            variable.assign(value)
        self.checkpoint = checkpoint

    def _variables(self) -> list[Any]:
        averaged = self.average.network.variables if self.average else []
        return [*self.learner.variables, *self.learner.optimizer.variables, *averaged]

    def selected_network(self) -> TrainedNetwork:
        """The network, with all its views and the weights of the selected epoch."""
        network = _build_network(self.recipe, self.classes, self.training, in_all_views=True)
        network.set_weights(self.checkpoint.selected)
        return TrainedNetwork(
            network,
            self.checkpoint.selected_epoch,
            self.checkpoint.history,
            Scores(predict(network, self.validation.images), self.validation.labels),
        )


class _BatchListener(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type stubs
    def __init__(self, epoch: int, batches: int, listener: Listener) -> None:
        super().__init__()
        self.epoch = epoch
        self.batches = batches
        self.listener = listener

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.listener(Progress(self.epoch, batch + 1, self.batches))


def validation_metrics(scores: Scores) -> dict[str, float]:
    """The columns of the history about the validation images."""
    matrix = metrics.confusion_matrix(scores.labels, scores.probabilities)
    return {
        "val_loss": log_loss(scores.labels, scores.probabilities),
        "val_accuracy": metrics.accuracy(matrix),
        "val_balanced_accuracy": metrics.balanced_accuracy(matrix),
        "val_auc": metrics.auc(scores.labels, scores.probabilities),
    }


def best_epoch(history: list[EpochRecord], selection: Selection) -> int:
    """The 1-based epoch that a selection picks; of equals, the one with the lower loss."""
    if selection == "last":
        return len(history)
    sign = -1 if selection == "val_loss" else 1
    return 1 + max(
        range(len(history)),
        key=lambda index: (
            sign * getattr(history[index], selection),
            -history[index].val_loss,
        ),
    )


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Have Keras build layers that compute in this type."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _build_network(
    recipe: Recipe, classes: int, training: Split, *, in_all_views: bool = False
) -> keras.Model:
    pixels = training.images.astype(np.float32)
    spec = ImageSpec(
        size=recipe.size,
        channels=training.images.shape[-1],
        mean=tuple(float(value) for value in pixels.mean(axis=(0, 1, 2), dtype=np.float64)),
        variance=tuple(float(value) for value in pixels.var(axis=(0, 1, 2), dtype=np.float64)),
    )
    if in_all_views:
        spec = replace(spec, symmetries=recipe.views, scales=recipe.view_scales)
    return ARCHITECTURES[recipe.architecture](spec, classes, **recipe.network)


def _optimizer(recipe: Recipe, batches_per_epoch: int) -> keras.optimizers.Optimizer:
    schedule = learning_rates(recipe, batches_per_epoch)
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(schedule)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    # Shrinking biases and normalisation scales helps nothing and hurts small networks.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def learning_rates(recipe: Recipe, batches_per_epoch: int) -> Schedule:
    """Linear warmup, then a cosine to zero over the main epochs (Loshchilov and Hutter 2017)."""
    warmup = int(recipe.warmup_epochs * batches_per_epoch)
    schedule: Schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, recipe.main_epochs * batches_per_epoch - warmup),
    )
    return schedule


def _sample_weights(recipe: Recipe, labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Balanced weights give every class the same share of the loss, and average to one."""
    if recipe.class_weights == "none":
        return np.ones(len(labels), np.float32)
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * counts[labels])).astype(np.float32)
