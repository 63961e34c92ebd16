"""A task that a small network learns in seconds: which half of the image is bright."""

from pathlib import Path

import numpy as np

from classifier.datasets.medmnist import Split
from classifier.training.recipe import Augmentation, Recipe

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
