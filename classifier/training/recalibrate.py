"""Calibration and limits for a bundle that was trained without, or with other settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from classifier.bundles.registry import Bundle, BundleError, read_history
from classifier.datasets.frames import load_frames
from classifier.datasets.medmnist import Split, load_split
from classifier.evaluation.calibration import at_temperature
from classifier.evaluation.scores import Scores
from classifier.networks.contract import LOGITS_LAYER, fold_temperature
from classifier.training.export import write_bundle
from classifier.training.fit_limits import calibrate_and_fit
from classifier.training.frame_crops import found_cells
from classifier.training.pipeline import obtain
from classifier.training.progress import images_progress
from classifier.training.recipe import Augmentation, LimitSettings
from classifier.training.shift import shifted


def recalibrate_bundle(
    bundle: Bundle, data_root: Path, settings: LimitSettings, *, half_precision: bool = False
) -> Bundle:
    """Write the next version of a bundle, calibrated and with uncertainty.npz, without evaluation.

    With `half_precision` its weights are stored as float16 from now on.
    What was fitted before is undone, and the scores that it was fitted on serve again: those of a
    cross-validation would take long to have anew. Raises DataError where the images of its training
    cannot be had, and BundleError where its network has no layer of logits to calibrate.
    """
    path = obtain(bundle.dataset, bundle.input_size, data_root)
    training, validation = (
        load_split(
            path,
            name,
            size=bundle.input_size,
            channels=bundle.channels,
            classes=len(bundle.classes),
        )
        for name in ("train", "val")
    )
    network = keras.models.load_model(bundle.weights_path, compile=False)
    if LOGITS_LAYER not in {layer.name for layer in network.layers}:
        raise BundleError(bundle.slug, [f'Its network has no layer named "{LOGITS_LAYER}".'])
    held_out = _uncalibrated(bundle, network)
    # What the recipe had settled holds where nothing else is wanted now.
    recorded = bundle.metadata.training.uncertainty or {}
    settings = settings.model_copy(
        update={
            name: recorded[name]
            for name in ("shifted", "references")
            if name in recorded and not getattr(settings, name)
        }
    )
    shift = _shift(bundle, validation, data_root) if settings.shifted else None
    with images_progress(bundle.slug) as listener:
        fitted = calibrate_and_fit(
            network,
            training,
            validation,
            bundle.dataset,
            held_out=held_out,
            shift=shift,
            settings=settings,
            listener=listener,
        )
    return write_bundle(
        bundle.path.parent,
        network,
        _description(bundle, settings, half_precision),
        read_history(bundle.path),
        fitted,
    )


def _shift(bundle: Bundle, validation: Split, data_root: Path) -> Split:
    """Validation images, changed as the recipe's augmentation changed those of the training."""
    training = bundle.metadata.training
    changes = Augmentation.model_validate(training.augmentation or {})
    frames = None
    if changes.frames:
        frames = load_frames(bundle.dataset, "val", data_root)
        if changes.frames.found and bundle.dataset.cells:
            frames = replace(frames, cells=found_cells(frames, bundle.dataset.cells))
    return shifted(validation, frames, changes, training.seed or 0)


def _uncalibrated(bundle: Bundle, network: keras.Model) -> Scores | None:
    """Undo an earlier temperature in the network; the scores it was fitted on, without it."""
    if bundle.metadata.uncertainty is None or bundle.limits_path is None:
        return None
    undone = 1 / bundle.metadata.uncertainty.temperature
    fold_temperature(network, undone)
    scores = Scores.read(bundle.limits_path)
    return replace(scores, probabilities=at_temperature(scores.probabilities, undone))


def _description(bundle: Bundle, settings: LimitSettings, half_precision: bool) -> dict[str, Any]:
    """What the metadata go on to say, where a recipe's settings are now these."""
    settled = {"version", "weights", "uncertainty"}
    kept = bundle.metadata.model_fields_set - settled
    description = {name: value for name, value in bundle.metadata if name in kept}
    changed: dict[str, Any] = {"half_precision": True} if half_precision else {}
    if recorded := bundle.metadata.training.uncertainty:
        now = settings.model_dump(include={"coverage", "acceptance", "shifted", "references"})
        changed["uncertainty"] = recorded | now
    description["training"] = bundle.metadata.training.model_copy(update=changed)
    return description
