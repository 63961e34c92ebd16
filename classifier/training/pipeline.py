"""From a recipe's name to a bundle on disk, and from a bundle to its figures on the test split."""

import inspect
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.registry import Bundle
from classifier.datasets import Dataset
from classifier.datasets.medmnist import Source, Split, SplitName, fetch, load_split, source_of
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.curves import Scores
from classifier.evaluation.evaluate import evaluate_bundle
from classifier.networks.architectures import ARCHITECTURES, ImageSpec
from classifier.training.cross_validation import (
    FoldTrainer,
    cross_validate,
    joined,
    out_of_fold,
)
from classifier.training.export import data_facts, export_bundle, write_evaluation
from classifier.training.fit_limits import FittedUncertainty, calibrate_and_fit
from classifier.training.members import joined_networks
from classifier.training.progress import download_progress, images_progress, training_progress
from classifier.training.recipe import Recipe, dataset_of, resolve_recipe
from classifier.training.recipe_values import RecipeError
from classifier.training.trainer import TrainedNetwork, train

FOLDS: Final = 5


@dataclass(frozen=True)
class TrainingData:
    """The splits that training may see, and the facts about their file for the metadata."""

    training: Split
    validation: Split
    facts: dict[str, Any]


def train_bundle(
    slug: str,
    overrides: Mapping[str, Any],
    *,
    models_dir: Path,
    checkpoint_dir: Path,
    data_root: Path,
    resume: bool,
) -> Bundle:
    """Train by the recipe of a slug, changed by `overrides`, and write the bundle.

    The checkpoint is removed when the bundle is written. Raises RecipeError, DataError, ResumeError
    and BundleError.
    """
    recipe = resolve_recipe(slug, overrides)
    dataset = dataset_of(recipe)
    _check(recipe)
    data = _training_data(recipe, dataset, data_root)
    trained = _train(recipe, data, checkpoint_dir, resume)
    fitted = _uncertainty(recipe, dataset, trained, data, checkpoint_dir / "folds", resume)
    bundle = export_bundle(models_dir, recipe, dataset, trained, data.facts, fitted)
    shutil.rmtree(checkpoint_dir)
    return bundle


def _training_data(recipe: Recipe, dataset: Dataset, data_root: Path) -> TrainingData:
    path, source = obtain(dataset, recipe.size, data_root)
    training, validation = (_split(recipe, dataset, path, name) for name in ("train", "val"))
    counts = {"train": len(training.labels), "validation": len(validation.labels)}
    return TrainingData(training, validation, data_facts(path, source.md5) | counts)


def _split(recipe: Recipe, dataset: Dataset, path: Path, name: SplitName) -> Split:
    return load_split(
        path,
        name,
        size=recipe.size,
        channels=recipe.channels or dataset.channels,
        classes=len(dataset.classes),
    )


def _train(
    recipe: Recipe, data: TrainingData, checkpoint_dir: Path, resume: bool
) -> TrainedNetwork:
    """Train all members of a recipe, each in a folder of its own."""
    recipes = recipe.member_recipes()
    members = [
        _train_member(
            each,
            f" ({number} of {len(recipes)})" if len(recipes) > 1 else "",
            data,
            checkpoint_dir / f"member_{number}",
            resume,
        )
        for number, each in enumerate(recipes, start=1)
    ]
    return joined_networks(members, data.validation, recipe)


def _train_member(
    recipe: Recipe, which: str, data: TrainingData, checkpoint_dir: Path, resume: bool
) -> TrainedNetwork:
    title = f"{recipe.slug}{which} on {recipe.dataset}"
    with training_progress(title, recipe.epochs) as listener:
        return train(
            recipe,
            len(dataset_of(recipe).classes),
            data.training,
            data.validation,
            checkpoint_dir,
            resume=resume,
            listener=listener,
        )


def _uncertainty(
    recipe: Recipe,
    dataset: Dataset,
    trained: TrainedNetwork,
    data: TrainingData,
    checkpoint_dir: Path,
    resume: bool,
) -> FittedUncertainty | None:
    if recipe.uncertainty is None:
        return None
    held_out = _out_of_fold_scores(recipe, data, checkpoint_dir, resume)
    with images_progress(recipe.slug) as listener:
        return calibrate_and_fit(
            trained.network,
            data.training,
            data.validation,
            dataset,
            held_out=held_out,
            settings=recipe.uncertainty,
            listener=listener,
        )


def _out_of_fold_scores(
    recipe: Recipe, data: TrainingData, checkpoint_dir: Path, resume: bool
) -> Scores | None:
    if not recipe.uncertainty or not recipe.uncertainty.folds:
        return None
    both = joined([data.training, data.validation])
    probabilities = out_of_fold(
        both,
        _fold_trainer(recipe, resume),
        count=recipe.uncertainty.folds,
        seed=recipe.seed,
        directory=checkpoint_dir,
    )
    return Scores(probabilities, both.labels)


def _fold_trainer(recipe: Recipe, resume: bool) -> FoldTrainer:
    def train_fold(training: Split, held_out: Split, directory: Path) -> NDArray[np.float64]:
        parts = TrainingData(training, held_out, {})
        return predict(_train(recipe, parts, directory, resume).network, held_out.images)

    return train_fold


def _check(recipe: Recipe) -> None:
    members = recipe.member_recipes()
    for architecture in {member.architecture for member in members} - ARCHITECTURES.keys():
        known = ", ".join(ARCHITECTURES)
        raise RecipeError(f"There is no architecture {architecture!r}. Known: {known}.")
    if len(members) > 1 and recipe.selection != "last":
        raise RecipeError("The members of an ensemble all end with the last epoch.")
    if recipe.uncertainty and recipe.uncertainty.folds:
        _check_folds(recipe)
    for member in [members[0], *members[recipe.members :]]:
        _check_network(member)


def _check_network(recipe: Recipe) -> None:
    """Build it once without weights from elsewhere, before hours are spent on its training."""
    channels = recipe.channels or dataset_of(recipe).channels
    spec = ImageSpec(recipe.size, channels, (0.0,) * channels, (1.0,) * channels)
    build = ARCHITECTURES[recipe.architecture]
    own = {name: value for name, value in recipe.network.items() if name != "weights"}
    try:
        inspect.signature(build).bind(spec, 2, **recipe.network)
        build(spec, 2, **own)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"{recipe.slug}: {recipe.architecture} cannot be built for images of {recipe.size} "
            f"pixels with the options {recipe.network}: {error}"
        ) from error


def _check_folds(recipe: Recipe) -> None:
    if recipe.selection != "last":
        raise RecipeError(f"{recipe.slug} selects an epoch on the images that a fold holds out.")


def cross_validate_recipe(
    slug: str,
    overrides: Mapping[str, Any],
    splits: Sequence[SplitName],
    *,
    checkpoint_dir: Path,
    data_root: Path,
    resume: bool,
) -> dict[str, Any]:
    """Cross-validate a recipe over the given splits together.

    Raises RecipeError, also for a recipe that selects an epoch by what the fold holds out,
    DataError and ResumeError.
    """
    recipe = resolve_recipe(slug, overrides)
    _check(recipe)
    _check_folds(recipe)
    dataset = dataset_of(recipe)
    path, _ = obtain(dataset, recipe.size, data_root)
    data = joined([_split(recipe, dataset, path, name) for name in splits])
    trainer = _fold_trainer(recipe, resume)
    figures = cross_validate(data, trainer, count=FOLDS, seed=recipe.seed, directory=checkpoint_dir)
    shutil.rmtree(checkpoint_dir)
    return {"splits": list(splits)} | figures


def evaluate_on_test(bundle: Bundle, data_root: Path) -> dict[str, Any]:
    """Evaluate on the dataset's own test split and write evaluation.json. Raises DataError."""
    path, source = obtain(bundle.dataset, bundle.input_size, data_root)
    with images_progress(bundle.slug) as listener:
        figures = evaluate_bundle(bundle, path, listener=listener)
    write_evaluation(bundle, figures, data_facts(path, source.md5))
    return figures


def obtain(dataset: Dataset, size: int, data_root: Path) -> tuple[Path, Source]:
    """Give the data file for an input size, downloaded with a progress bar if absent."""
    source = source_of(dataset, size)
    with download_progress(source.file_name) as on_progress:
        return fetch(source, data_root, on_progress), source
