"""A task that a small network learns in seconds: which half of the image is bright."""

from pathlib import Path

import numpy as np

from classifier.bundles.registry import Bundle
from classifier.bundles.schema import TrainingData
from classifier.bundles.writing import write_evaluation
from classifier.datasets import datasets
from classifier.datasets.medmnist import Split
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.evaluate import evaluate
from classifier.evaluation.scores import Scores
from classifier.training.export import export_bundle
from classifier.training.fit_limits import calibrate_and_fit
from classifier.training.recipe import Augmentation, Recipe
from classifier.training.trainer import train

SIZE = 8


def split(count: int, seed: int) -> Split:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, count)
    images = generator.integers(0, 120, (count, SIZE, SIZE, 1))
    for image, label in zip(images, labels, strict=True):
        image[label * SIZE // 2 : (label + 1) * SIZE // 2] += 100
    return Split(images.astype(np.uint8), labels.astype(np.int64))


def recipe(epochs: int = 3) -> Recipe:
    return Recipe(
        slug="breast-synthetic",
        title="Synthetic",
        dataset="breastmnist",
        architecture="compact_resnet",
        size=SIZE,
        epochs=epochs,
        batch_size=16,
        network={"widths": [4, 8], "blocks": [0, 1], "dropout": 0.2},
        augmentation=Augmentation(flip_horizontal=True, shift=0.1, contrast=0.1),
        weight_averaging=0.5,
        class_weights="balanced",
        selection="val_loss",
    )


def evaluated_bundle(root: Path) -> Bundle:
    """A small network that was trained here, with limits and figures, under `root`/models."""
    dataset, short = datasets()["breastmnist"], recipe()
    training, validation = split(200, 0), split(100, 1)
    trained = train(short, 2, training, validation, root / "run")
    fitted = calibrate_and_fit(trained.network, training, validation, dataset)
    data = TrainingData(file="breastmnist.npz", sha256="0" * 64, train=200, validation=100)
    written = export_bundle(root / "models", short, dataset, trained, data, fitted)
    scores = Scores(predict(trained.network, validation.images), validation.labels)
    figures = evaluate(scores, written.classes, weights_sha256=written.sha256, data=data)
    return write_evaluation(written, figures)


def write_data_file(root: Path) -> Path:
    """Write a data file in MedMNIST's layout for BreastMNIST's name."""
    root.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for seed, name in enumerate(("train", "val", "test")):
        part = split(48, seed)
        arrays[f"{name}_images"] = part.images[..., 0]
        arrays[f"{name}_labels"] = part.labels[:, None].astype(np.uint8)
    path = root / "breastmnist.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path
