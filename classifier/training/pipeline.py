"""From a recipe's name to a bundle on disk, and from a bundle to its evaluation."""

import inspect
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from classifier.bundles.registry import Bundle, BundleError, load_bundle
from classifier.bundles.schema import CrossValidation, Evaluation, TrainingData
from classifier.bundles.writing import data_file, write_evaluation
from classifier.cards.files import write_cards
from classifier.datasets import Dataset
from classifier.datasets.frames import Frames, load_frames
from classifier.datasets.medmnist import Split, SplitName, fetch, load_split, source_of
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.boxes import read_boxed_images
from classifier.evaluation.evaluate import evaluate_bundle
from classifier.evaluation.explanations import check_explanations
from classifier.evaluation.scores import Floats, Scores
from classifier.networks.architectures import ARCHITECTURES, ImageSpec
from classifier.networks.contract import HETEROGENEOUS_PREFIX, MEMBER_PREFIX
from classifier.networks.safe_loading import load_network
from classifier.preprocessing import Box
from classifier.training.cross_validation import (
    FoldTrainer,
    cross_validate,
    joined,
    out_of_fold,
)
from classifier.training.export import export_bundle
from classifier.training.fit_limits import FittedLimits, calibrate_and_fit
from classifier.training.frame_crops import found_cells
from classifier.training.members import joined_networks
from classifier.training.progress import download_progress, images_progress, training_progress
from classifier.training.recipe import Recipe, RecipeError, dataset_of, resolve_recipe
from classifier.training.shift import shifted
from classifier.training.trainer import TrainedNetwork, Weights, train

FOLDS: Final = 5


@dataclass(frozen=True)
class Seen:
    """What a training may see and have.

    The splits, and where wanted the frames of their images and the weights to begin with.
    """

    training: Split
    validation: Split
    frames: Frames | None = None
    validation_frames: Frames | None = None
    start: Sequence[Weights] | None = None


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
    path = obtain(dataset, recipe.size, data_root)
    training, validation = (_split(recipe, dataset, path, name) for name in ("train", "val"))
    start = _start(recipe, models_dir) if recipe.starts_from else None
    seen = Seen(training, validation, start=start)
    if recipe.needs_frames:
        frames = _frames(recipe, dataset, "train", data_root, checkpoint_dir)
        validation_frames = _frames(recipe, dataset, "val", data_root, checkpoint_dir)
        seen = Seen(training, validation, frames, validation_frames, start)
    trained = _train(recipe, seen, checkpoint_dir, resume)
    limits = _limits(recipe, dataset, trained, seen, checkpoint_dir / "folds", resume)
    data = TrainingData(
        **data_file(path, dataset, recipe.size).as_json(),
        train=len(seen.training.labels),
        validation=len(seen.validation.labels),
    )
    bundle = export_bundle(models_dir, recipe, dataset, trained, data, limits)
    shutil.rmtree(checkpoint_dir)
    return bundle


def _start(recipe: Recipe, models_dir: Path) -> list[Weights]:
    """The weights of the first network of the model that a recipe starts from."""
    bundle = load_bundle(models_dir / recipe.starts_from, require_evaluation=False)
    if (bundle.metadata.architecture, bundle.metadata.training.network) != (
        recipe.architecture,
        recipe.network,
    ):
        raise RecipeError(f"{recipe.slug} starts from {bundle.slug}, which is another network.")
    others = (MEMBER_PREFIX, HETEROGENEOUS_PREFIX)
    layers = load_network(bundle.weights_path).layers
    own = [layer for layer in layers if not layer.name.startswith(others)]
    return [weights for layer in own for weights in layer.get_weights()]


def _frames(
    recipe: Recipe, dataset: Dataset, name: SplitName, data_root: Path, checkpoint_dir: Path
) -> Frames:
    """The frames of a split; a resumed run does not look for their cells again."""
    frames = load_frames(dataset, name, data_root)
    if not recipe.needs_cells or dataset.cells is None:
        return frames
    path = checkpoint_dir / f"cells_{name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found_cells(frames, dataset.cells)), encoding="utf-8")
    return replace(frames, cells=TypeAdapter(list[Box | None]).validate_json(path.read_bytes()))


def _split(recipe: Recipe, dataset: Dataset, path: Path, name: SplitName) -> Split:
    return load_split(
        path,
        name,
        size=recipe.size,
        channels=recipe.channels or dataset.channels,
        classes=len(dataset.classes),
    )


def _train(recipe: Recipe, seen: Seen, checkpoint_dir: Path, resume: bool) -> TrainedNetwork:
    """Train all members of a recipe, each in a folder of its own."""
    members = []
    recipes = recipe.member_recipes()
    for number, each in enumerate(recipes, start=1):
        which = f" ({number} of {len(recipes)})" if len(recipes) > 1 else ""
        with training_progress(f"{recipe.slug}{which} on {recipe.dataset}", each.epochs) as listen:
            trained = train(
                each,
                len(dataset_of(recipe).classes),
                seen.training,
                seen.validation,
                checkpoint_dir / f"member_{number}",
                frames=seen.frames,
                start=seen.start,
                resume=resume,
                listener=listen,
            )
        members.append(trained)
    return joined_networks(members, seen.validation, recipe)


def _limits(
    recipe: Recipe,
    dataset: Dataset,
    trained: TrainedNetwork,
    seen: Seen,
    checkpoint_dir: Path,
    resume: bool,
) -> FittedLimits | None:
    settings = recipe.uncertainty
    if settings is None:
        return None
    held_out = None
    if settings.folds:
        both = joined([seen.training, seen.validation])
        probabilities = out_of_fold(
            both,
            _fold_trainer(recipe, resume),
            count=settings.folds,
            seed=recipe.seed,
            correlation=dataset.near_duplicate_correlation,
            directory=checkpoint_dir,
        )
        held_out = Scores(probabilities, both.labels)
    shift = None
    if settings.shifted:
        frames, changes = seen.validation_frames, recipe.augmentation
        shift = shifted(seen.validation, frames, changes, recipe.seed)
    with images_progress(recipe.slug) as listener:
        return calibrate_and_fit(
            trained.network,
            seen.training,
            seen.validation,
            dataset,
            held_out=held_out,
            shift=shift,
            settings=settings,
            listener=listener,
        )


def _fold_trainer(recipe: Recipe, resume: bool) -> FoldTrainer:
    def train_fold(training: Split, held_out: Split, directory: Path) -> Floats:
        network = _train(recipe, Seen(training, held_out), directory, resume).network
        return predict(network, held_out.images)

    return train_fold


def _check(recipe: Recipe) -> None:
    """Raise RecipeError for what cannot be trained, before hours are spent on it."""
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
    """Build it once without weights from elsewhere."""
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
    if recipe.needs_frames:
        raise RecipeError(f"{recipe.slug} cuts from frames, which are not divided into folds.")


def cross_validate_recipe(
    slug: str,
    overrides: Mapping[str, Any],
    splits: Sequence[SplitName],
    *,
    checkpoint_dir: Path,
    data_root: Path,
    resume: bool,
) -> CrossValidation:
    """Cross-validate a recipe over the given splits together.

    Raises RecipeError, also for a recipe that selects an epoch by what the fold holds out,
    DataError and ResumeError.
    """
    recipe = resolve_recipe(slug, overrides)
    _check(recipe)
    _check_folds(recipe)
    dataset = dataset_of(recipe)
    path = obtain(dataset, recipe.size, data_root)
    found = cross_validate(
        joined([_split(recipe, dataset, path, name) for name in splits]),
        _fold_trainer(recipe, resume),
        splits=splits,
        count=FOLDS,
        seed=recipe.seed,
        correlation=dataset.near_duplicate_correlation,
        directory=checkpoint_dir,
    )
    shutil.rmtree(checkpoint_dir)
    return found


def evaluate_on_test(bundle: Bundle, data_root: Path) -> Evaluation:
    """Evaluate on the dataset's own test split; write evaluation.json and cards.

    Raises DataError, and BundleError when the bundle cannot be served with what was measured.
    """
    path = obtain(bundle.dataset, bundle.input_size, data_root)
    with images_progress(bundle.slug) as listener:
        evaluation = evaluate_bundle(bundle, path, listener=listener)
    record_evaluation(bundle, evaluation)
    return evaluation


def record_evaluation(bundle: Bundle, evaluation: Evaluation) -> None:
    """Write evaluation.json and the cards. Raises BundleError: see `write_evaluation`."""
    write_evaluation(bundle, evaluation)
    write_cards(bundle.path.parent)


def record_cross_validation(bundle: Bundle, found: CrossValidation) -> None:
    """Add a cross-validation to evaluation.json and the cards.

    Raises BundleError when the bundle was not evaluated yet.
    """
    if bundle.evaluation is None:
        raise BundleError(bundle.slug, ["It was not evaluated yet: run evaluate_model."])
    record_evaluation(bundle, bundle.evaluation.model_copy(update={"cross_validation": found}))


def check_on_test(bundle: Bundle, data_root: Path, boxes: Path | None) -> Evaluation:
    """Check the bundle's explanations on its dataset's test split; write evaluation and cards.

    Args:
        boxes: a zip of images with boxes, for the pointing game.

    Raises DataError, and BundleError when the bundle was not evaluated yet.
    """
    if bundle.evaluation is None:
        raise BundleError(bundle.slug, ["It was not evaluated yet: run evaluate_model."])
    path = obtain(bundle.dataset, bundle.input_size, data_root)
    boxed = read_boxed_images(boxes, bundle) if boxes else None
    with images_progress(bundle.slug) as listener:
        checks = tuple(check_explanations(bundle, path, boxed, listener))
    evaluation = bundle.evaluation.model_copy(update={"explanations": checks})
    record_evaluation(bundle, evaluation)
    return evaluation


def obtain(dataset: Dataset, size: int, data_root: Path) -> Path:
    """The data file for an input size, downloaded with a progress bar if absent."""
    source = source_of(dataset, size)
    with download_progress(source.file_name) as on_progress:
        return fetch(source, data_root, on_progress)
