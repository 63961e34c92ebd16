"""From a finished training to a bundle on disk."""

import importlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from classifier.bundles.files import checksum
from classifier.bundles.registry import Bundle, load_bundle
from classifier.bundles.schema import (
    SCHEMA_VERSION,
    AccuracyInterval,
    EpochRecord,
    LimitsDescription,
    Training,
    TrainingData,
    ValidationMetrics,
)
from classifier.bundles.writing import (
    LIMITS_FILE,
    WEIGHTS_FILE,
    next_version,
    replaced_bundle,
    write_history,
    write_metadata,
)
from classifier.cards.files import write_card
from classifier.datasets import Dataset
from classifier.evaluation import metrics
from classifier.networks.half_precision import halve_precision
from classifier.statistics.intervals import wilson_interval
from classifier.training.fit_limits import FittedLimits
from classifier.training.recipe import Recipe
from classifier.training.trainer import TrainedNetwork

# What a recipe says that does not stand in the metadata's section on training.
NOT_OF_THE_TRAINING = {
    "slug",
    "title",
    "summary",
    "dataset",
    "architecture",
    "size",
    "channels",
    "recommended",
    "reported",
}


def export_bundle(
    models_dir: Path,
    recipe: Recipe,
    dataset: Dataset,
    trained: TrainedNetwork,
    data: TrainingData,
    limits: FittedLimits | None = None,
) -> Bundle:
    """Write the bundle of a finished training, replacing an older one of the same slug as a whole.

    With `limits` the bundle has an uncertainty.npz as well. The version is one above that of the
    bundle replaced, whose evaluation goes.
    """
    _, size, _, channels = trained.network.input_shape
    description = {
        "schema_version": SCHEMA_VERSION,
        "slug": recipe.slug,
        "title": recipe.title,
        "summary": recipe.summary,
        "dataset": dataset.slug,
        "architecture": recipe.architecture,
        "classes": dataset.labels,
        "input": {"size": size, "channels": channels},
        "parameters": trained.network.count_params(),
        "recommended": recipe.recommended,
        "training": _training(recipe, trained, data),
        "reported": recipe.reported,
        "intended_use": dataset.intended_use,
        "limitations": dataset.limitations,
    }
    return write_bundle(models_dir, trained.network, description, trained.history, limits)


def _training(recipe: Recipe, trained: TrainedNetwork, data: TrainingData) -> Training:
    settings = recipe.model_dump(mode="json", exclude=NOT_OF_THE_TRAINING)
    minutes = sum(record.seconds for record in trained.history) / 60
    scores = trained.validation
    matrix = metrics.confusion_matrix(scores.labels, scores.probabilities)
    n = len(scores.labels)
    backend = importlib.import_module(keras.backend.backend())
    return Training(
        **settings,
        selected_epoch=trained.selected_epoch,
        minutes=round(minutes, 1),
        data=data,
        validation=ValidationMetrics(
            n=n,
            accuracy=metrics.accuracy(matrix),
            balanced_accuracy=metrics.balanced_accuracy(matrix),
            auc=metrics.auc(scores.labels, scores.probabilities),
            intervals=AccuracyInterval(accuracy=wilson_interval(int(np.trace(matrix)), n)),
        ),
        software={
            "python": platform.python_version(),
            "keras": keras.__version__,
            backend.__name__: backend.__version__,
            "numpy": np.__version__,
        },
    )


def write_bundle(
    models_dir: Path,
    network: keras.Model,
    description: dict[str, Any],
    history: Sequence[EpochRecord] = (),
    limits: FittedLimits | None = None,
) -> Bundle:
    """Write a network and what its metadata say of it as a bundle, as `export_bundle` does.

    `description` is a Metadata without version, weights and uncertainty; where its training says
    `half_precision`, the weights are stored in half the space. Raises BundleError where the bundle
    would not be sound; what was there before is then kept.
    """
    target = models_dir / str(description["slug"])
    training: Training = description["training"]
    with replaced_bundle(target) as folder:
        network.save(folder / WEIGHTS_FILE)
        if training.half_precision:
            halve_precision(folder / WEIGHTS_FILE)
        version, weights = next_version(target, checksum(folder / WEIGHTS_FILE))
        values = description | {"version": version, "weights": weights}
        if limits:
            limits.save(folder / LIMITS_FILE)
            values["uncertainty"] = LimitsDescription(
                file=LIMITS_FILE, sha256=checksum(folder / LIMITS_FILE), **limits.description
            )
        write_metadata(folder, values)
        if history:
            write_history(folder, history)
        write_card(load_bundle(folder, require_evaluation=False))
    return load_bundle(target, require_evaluation=False)
