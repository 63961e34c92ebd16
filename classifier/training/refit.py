"""Uncertainty for a bundle that was trained without."""

from pathlib import Path

import keras

from classifier import registry
from classifier.registry import Bundle
from classifier.training.data import load_split
from classifier.training.export import write_bundle
from classifier.training.pipeline import obtain
from classifier.training.recipe import UncertaintySettings
from classifier.training.uncertainty import calibrate_and_fit


def refit_bundle(bundle: Bundle, data_root: Path, settings: UncertaintySettings) -> Bundle:
    """Write the next version of a bundle, calibrated and with uncertainty.npz, without evaluation.

    Raises DataError where the images of its training cannot be had, and BundleError where its
    network has no layer "logits" to calibrate.
    """
    path, _ = obtain(bundle.dataset, bundle.input_size, data_root)
    training, validation = (
        load_split(path, name, size=bundle.input_size, channels=bundle.channels)
        for name in ("train", "val")
    )
    network = keras.models.load_model(bundle.weights_path, compile=False)
    if "logits" not in {layer.name for layer in network.layers}:
        raise registry.BundleError(bundle.slug, ['Its network has no layer named "logits".'])
    fitted = calibrate_and_fit(network, training, validation, bundle.dataset, settings=settings)
    settled = {"version", "weights", "uncertainty"}
    facts = {key: value for key, value in bundle.metadata.items() if key not in settled}
    history = bundle.path / registry.HISTORY_FILE
    return write_bundle(
        bundle.path.parent,
        network,
        facts,
        history=history.read_text(encoding="utf-8") if history.exists() else "",
        half_precision=bundle.metadata["training"].get("half_precision", False),
        uncertainty=fitted,
    )
