"""Writes model bundles: the finished training as a folder, and later its evaluation."""

import csv
import io
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from classifier import registry
from classifier.registry import Bundle, BundleError, Dataset
from classifier.training import evaluation
from classifier.training.abstention import uncertainty_figures
from classifier.training.card import render_card
from classifier.training.checkpoint import Record
from classifier.training.data import checksum, load_split
from classifier.training.recipe import Recipe
from classifier.training.trainer import TrainedNetwork, predict
from classifier.training.uncertainty import FittedUncertainty

WEIGHTS_FILE = "model.keras"
UNCERTAINTY_FILE = "uncertainty.npz"
HISTORY_FILE = "history.csv"
CARD_FILE = "README.md"


def data_facts(path: Path, medmnist_md5: str) -> dict[str, Any]:
    """Say which data file was used: its name, its checksum, and whether it is MedMNIST's own."""
    return {
        "file": path.name,
        "sha256": checksum(path, "sha256"),
        "is_medmnist_file": checksum(path, "md5") == medmnist_md5,
    }


def export_bundle(
    models_dir: Path,
    recipe: Recipe,
    dataset: Dataset,
    trained: TrainedNetwork,
    data: Mapping[str, Any],
    uncertainty: FittedUncertainty | None = None,
) -> Bundle:
    """Write the bundle of a finished training, replacing an older one of the same slug as a whole.

    `data` says what it was trained on: see `data_facts`; besides, `train` and `validation`, the
    numbers of images. With `uncertainty` the bundle has an uncertainty.npz as well. The version is
    one above that of the bundle replaced, whose evaluation goes.
    """
    facts = _metadata(recipe, dataset, trained, data)
    history = _history_csv(trained.history)
    return write_bundle(
        models_dir, trained.network, facts, history=history, uncertainty=uncertainty
    )


def write_bundle(
    models_dir: Path,
    network: keras.Model,
    facts: Mapping[str, Any],
    *,
    history: str,
    uncertainty: FittedUncertainty | None = None,
) -> Bundle:
    """Write a network and the facts about it as a bundle, as `export_bundle` does.

    `facts` are the metadata without version, weights and uncertainty, `history` the text of
    history.csv.
    """
    target = models_dir / facts["slug"]
    partial = models_dir / f".{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    network.save(partial / WEIGHTS_FILE)
    metadata = dict(facts) | {
        "version": _next_version(target),
        "weights": {"file": WEIGHTS_FILE, "sha256": checksum(partial / WEIGHTS_FILE, "sha256")},
    }
    if uncertainty:
        metadata["uncertainty"] = _write_uncertainty(partial, uncertainty)
    _write_json(partial / registry.METADATA_FILE, metadata)
    (partial / HISTORY_FILE).write_text(history, encoding="utf-8")
    card = render_card(Bundle(partial, metadata, None))
    (partial / CARD_FILE).write_text(card, encoding="utf-8")
    _swap(partial, target)
    return registry.load_bundle(target, require_evaluation=False)


def _write_uncertainty(folder: Path, fitted: FittedUncertainty) -> dict[str, Any]:
    """Write uncertainty.npz into a bundle's folder, and give what its metadata say of it."""
    path = folder / UNCERTAINTY_FILE
    fitted.save(path)
    return {"file": path.name, "sha256": checksum(path, "sha256"), **fitted.facts}


def _swap(partial: Path, target: Path) -> None:
    """Put the new folder in the place of the old one; hidden names are not taken for bundles."""
    retired = target.with_name(f".{target.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    if target.exists():
        target.rename(retired)
    partial.rename(target)
    shutil.rmtree(retired, ignore_errors=True)


def _next_version(target: Path) -> int:
    try:
        return registry.load_bundle(target, require_evaluation=False).version + 1
    except BundleError:
        return 1


def _metadata(
    recipe: Recipe, dataset: Dataset, trained: TrainedNetwork, data: Mapping[str, Any]
) -> dict[str, Any]:
    _, size, _, channels = trained.network.input_shape
    return {
        "schema_version": registry.SCHEMA_VERSION,
        "slug": recipe.slug,
        "title": recipe.title,
        "summary": recipe.summary,
        "dataset": dataset.slug,
        "architecture": recipe.architecture,
        "classes": list(dataset.labels),
        "input": {"size": size, "channels": channels},
        "parameters": trained.network.count_params(),
        "recommended": recipe.recommended,
        "training": _training_facts(recipe, trained, data),
        "reported": recipe.reported,
        "intended_use": dataset.intended_use,
        "limitations": list(dataset.limitations),
    }


def _training_facts(
    recipe: Recipe, trained: TrainedNetwork, data: Mapping[str, Any]
) -> dict[str, Any]:
    identity = {"slug", "title", "summary", "dataset", "architecture", "size", "channels"}
    elsewhere = identity | {"recommended", "reported"}
    settings = {key: value for key, value in asdict(recipe).items() if key not in elsewhere}
    minutes = sum(record["seconds"] for record in trained.history) / 60
    return settings | {
        "selected_epoch": trained.selected_epoch,
        "minutes": round(minutes, 1),
        "data": dict(data),
        "validation": _validation_figures(trained, data["validation"]),
        "software": _software(),
    }


def _validation_figures(trained: TrainedNetwork, count: int) -> dict[str, Any]:
    record = trained.history[trained.selected_epoch - 1]
    successes = round(record["val_accuracy"] * count)
    return {
        "n": count,
        "accuracy": record["val_accuracy"],
        "balanced_accuracy": record["val_balanced_accuracy"],
        "auc": record["val_auc"],
        "intervals": {"accuracy": list(evaluation.wilson_interval(successes, count))},
    }


def _software() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def _history_csv(history: list[Record]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return stream.getvalue()


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    _replace(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def evaluate_bundle(bundle: Bundle, path: Path, *, with_uncertainty: bool = True) -> dict[str, Any]:
    """Compute a bundle's figures on the test split of a data file in MedMNIST's layout.

    Those of its uncertainty, where it has any, take some twenty times as long as the others.
    Raises DataError when the file cannot be read.
    """
    split = load_split(path, "test", size=bundle.input_size, channels=bundle.channels)
    network = keras.models.load_model(bundle.weights_path, compile=False)
    probabilities = predict(network, split.images)
    figures = evaluation.evaluate(split.labels, probabilities, bundle.classes)
    if bundle.uncertainty_path and with_uncertainty:
        figures["uncertainty"] = uncertainty_figures(bundle, split, path.parent)
    return {"split": "test"} | figures


def write_evaluation(bundle: Bundle, figures: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Write evaluation.json for the bundle's present weights, and the card with its figures."""
    values = dict(figures) | {"weights_sha256": bundle.sha256, "data": dict(data)}
    _write_json(bundle.path / registry.EVALUATION_FILE, values)
    evaluated = registry.load_bundle(bundle.path)
    _replace(bundle.path / CARD_FILE, render_card(evaluated))
