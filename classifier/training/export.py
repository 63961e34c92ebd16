"""Writes model bundles: the finished training as a folder, and later its evaluation."""

import csv
import importlib
import io
import json
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from classifier.bundles import registry
from classifier.bundles.registry import Bundle
from classifier.cards.files import replace_file, write_card, write_cards
from classifier.datasets import Dataset
from classifier.datasets.medmnist import checksum
from classifier.evaluation.intervals import wilson_interval
from classifier.networks.half_precision import halve_precision
from classifier.training.checkpoint import Record
from classifier.training.fit_limits import FittedUncertainty
from classifier.training.recipe import Recipe
from classifier.training.trainer import TrainedNetwork

WEIGHTS_FILE = "model.keras"
UNCERTAINTY_FILE = "uncertainty.npz"
# Key of evaluation.json that is about the recipe, not about the weights.
CROSS_VALIDATION = "cross_validation"
# Lists of numbers, such as rows of a matrix, are written on one line each.
NUMBER_LIST = re.compile(r"\[(\n[-+.\deE,\s]+\n *)\]")


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
    return write_bundle(
        models_dir,
        trained.network,
        facts,
        history=_history_csv(trained.history),
        half_precision=recipe.half_precision,
        uncertainty=uncertainty,
    )


def write_bundle(
    models_dir: Path,
    network: keras.Model,
    facts: Mapping[str, Any],
    *,
    history: str = "",
    half_precision: bool = False,
    uncertainty: FittedUncertainty | None = None,
) -> Bundle:
    """Write a network and the facts about it as a bundle, as `export_bundle` does.

    `facts` are the metadata without version, weights and uncertainty; `history` is the text of
    history.csv, which is left out without one. `half_precision` stores the weights in half the
    space. Raises BundleError where the bundle would not be sound; what was there before is then
    kept.
    """
    target = models_dir / facts["slug"]
    partial = models_dir / f".{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        folder = partial / target.name
        folder.mkdir(parents=True)
        network.save(folder / WEIGHTS_FILE)
        if half_precision:
            halve_precision(folder / WEIGHTS_FILE)
        metadata = dict(facts) | _version(target, checksum(folder / WEIGHTS_FILE, "sha256"))
        if uncertainty:
            metadata["uncertainty"] = _write_uncertainty(folder, uncertainty)
        _write_json(folder / registry.METADATA_FILE, metadata)
        if history:
            (folder / registry.HISTORY_FILE).write_text(history, encoding="utf-8")
        write_card(registry.load_bundle(folder, require_evaluation=False))
        _swap(folder, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return registry.load_bundle(target, require_evaluation=False)


def _write_uncertainty(folder: Path, fitted: FittedUncertainty) -> dict[str, Any]:
    """Write uncertainty.npz into a bundle's folder, and give what its metadata say of it."""
    path = folder / UNCERTAINTY_FILE
    fitted.save(path)
    return {"file": path.name, "sha256": checksum(path, "sha256"), **fitted.facts}


def _swap(folder: Path, target: Path) -> None:
    """Put the new folder in the place of the old one; hidden names are not taken for bundles."""
    retired = target.with_name(f".{target.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    if target.exists():
        target.rename(retired)
    folder.rename(target)
    shutil.rmtree(retired, ignore_errors=True)


def _version(target: Path, sha256: str) -> dict[str, Any]:
    """The version above that of the bundle in a folder, and the weights of every version."""
    recorded = _recorded_versions(target)
    version = max(recorded, default=0) + 1
    versions = {str(number): recorded[number] for number in recorded} | {str(version): sha256}
    weights = {"file": WEIGHTS_FILE, "sha256": sha256, "versions": versions}
    return {"version": version, "weights": weights}


def _recorded_versions(target: Path) -> dict[int, str]:
    """Also of a bundle that is broken, since no version must be given out twice."""
    try:
        metadata = json.loads((target / registry.METADATA_FILE).read_text(encoding="utf-8"))
        weights = metadata["weights"]
        recorded = {metadata["version"]: weights["sha256"], **weights.get("versions", {})}
        return {int(version): str(checksum) for version, checksum in recorded.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


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
    record = trained.validation
    successes = round(record["val_accuracy"] * count)
    return {
        "n": count,
        "accuracy": record["val_accuracy"],
        "balanced_accuracy": record["val_balanced_accuracy"],
        "auc": record["val_auc"],
        "intervals": {"accuracy": list(wilson_interval(successes, count))},
    }


def _software() -> dict[str, str]:
    backend = importlib.import_module(keras.backend.backend())
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend.__name__: backend.__version__,
        "numpy": np.__version__,
    }


def _history_csv(history: list[Record]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return stream.getvalue()


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    replace_file(
        path, NUMBER_LIST.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"
    )


def write_evaluation(bundle: Bundle, figures: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Write evaluation.json for the bundle's present weights, and the cards with its figures.

    A cross-validation that was recorded with these weights stays. Raises BundleError when the
    bundle cannot be served with these figures.
    """
    values = dict(figures) | {"weights_sha256": bundle.sha256, "data": dict(data)}
    if bundle.evaluation and CROSS_VALIDATION in bundle.evaluation:
        values[CROSS_VALIDATION] = bundle.evaluation[CROSS_VALIDATION]
    _replace_evaluation(bundle, values)


def write_cross_validation(bundle: Bundle, figures: Mapping[str, Any]) -> None:
    """Add the figures of a cross-validation to evaluation.json and the cards.

    Raises BundleError when the bundle was not evaluated yet.
    """
    if bundle.evaluation is None:
        raise registry.BundleError(bundle.slug, ["It was not evaluated yet: run evaluate_model."])
    _replace_evaluation(bundle, {**bundle.evaluation, CROSS_VALIDATION: dict(figures)})


def _replace_evaluation(bundle: Bundle, values: Mapping[str, Any]) -> None:
    _write_json(bundle.path / registry.EVALUATION_FILE, values)
    registry.load_bundle(bundle.path)
    write_cards(bundle.path.parent)
