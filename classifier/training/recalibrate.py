"""Uncertainty for a bundle that was trained without, or with other settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from classifier.bundles import registry
from classifier.bundles.registry import Bundle
from classifier.datasets.medmnist import load_split
from classifier.evaluation import calibration
from classifier.evaluation.curves import Scores
from classifier.networks.contract import fold_temperature
from classifier.training.export import write_bundle
from classifier.training.fit_limits import calibrate_and_fit
from classifier.training.pipeline import obtain
from classifier.training.progress import images_progress
from classifier.training.recipe import UncertaintySettings


def refit_bundle(bundle: Bundle, data_root: Path, settings: UncertaintySettings) -> Bundle:
    """Write the next version of a bundle, calibrated and with uncertainty.npz, without evaluation.

    What was fitted before is undone, and the scores that it was fitted on serve again: those of a
    cross-validation would take long to have anew. Raises DataError where the images of its training
    cannot be had, and BundleError where its network has no layer "logits" to calibrate.
    """
    path, _ = obtain(bundle.dataset, bundle.input_size, data_root)
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
    if "logits" not in {layer.name for layer in network.layers}:
        raise registry.BundleError(bundle.slug, ['Its network has no layer named "logits".'])
    held_out = _uncalibrated(bundle, network)
    with images_progress(bundle.slug) as listener:
        fitted = calibrate_and_fit(
            network,
            training,
            validation,
            bundle.dataset,
            held_out=held_out,
            settings=settings,
            listener=listener,
        )
    history = bundle.path / registry.HISTORY_FILE
    return write_bundle(
        bundle.path.parent,
        network,
        _facts(bundle, settings),
        history=history.read_text(encoding="utf-8") if history.exists() else "",
        half_precision=bundle.metadata["training"].get("half_precision", False),
        uncertainty=fitted,
    )


def _uncalibrated(bundle: Bundle, network: keras.Model) -> Scores | None:
    """Undo an earlier temperature in the network, and give the scores it was fitted on without."""
    if bundle.uncertainty_path is None:
        return None
    undone = 1 / bundle.metadata["uncertainty"]["temperature"]
    fold_temperature(network, undone)
    scores = Scores.read(bundle.uncertainty_path)
    before = calibration.at_temperature(scores.probabilities, undone)
    return replace(scores, probabilities=before)


def _facts(bundle: Bundle, settings: UncertaintySettings) -> dict[str, Any]:
    """What the metadata go on to say, where a recipe's settings are now these."""
    settled = {"version", "weights", "uncertainty"}
    facts = {key: value for key, value in bundle.metadata.items() if key not in settled}
    training = facts["training"]
    if training.get("uncertainty"):
        shares = {"coverage": settings.coverage, "acceptance": settings.acceptance}
        facts["training"] = training | {"uncertainty": training["uncertainty"] | shares}
    return facts
