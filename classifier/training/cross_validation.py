"""Cross-validation of a recipe: every image is predicted once by a network that never saw it.

Folds keep the shares of the classes, and keep near-duplicates together: BUSI, the source of
BreastMNIST, has many lesions twice, and a twin in the training folds would flatter every figure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from classifier.inference.preprocessing import as_picture
from classifier.training import evaluation
from classifier.training.data import Split

# Correlation of two thumbnails. On BreastMNIST at 128 pixels, pairs of the same lesion lie above
# 0.95 and chance resemblance ends at about 0.93.
NEAR_DUPLICATE = 0.93
THUMBNAIL_SIDE = 32


FoldTrainer = Callable[[Split, Split, Path], NDArray[np.float64]]


@dataclass(frozen=True)
class Fold:
    """Indices (N,) int64 of the images that a fold trains on and of those it is measured on."""

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


def joined(splits: Sequence[Split]) -> Split:
    """Give several splits as one, in the order given."""
    return Split(
        np.concatenate([split.images for split in splits]),
        np.concatenate([split.labels for split in splits]),
    )


def near_duplicate_groups(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number (N,) of the group of each image (N, side, side, channels); alone or with its twins."""
    thumbnails = np.stack([_thumbnail(image) for image in images])
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    _, groups = connected_components(unit @ unit.T > NEAR_DUPLICATE, directed=False)
    return np.asarray(groups, np.int64)


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = (
        as_picture(image)
        .convert("L")
        .resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)
    )
    return np.asarray(small, np.float32).reshape(-1)


def folds(data: Split, count: int, seed: int) -> Iterator[Fold]:
    """Divide into `count` stratified folds, with near-duplicates in the same one."""
    divide = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    groups = near_duplicate_groups(data.images)
    for training, held_out in divide.split(data.images, data.labels, groups):
        yield Fold(training.astype(np.int64), held_out.astype(np.int64))


def cross_validate(
    data: Split, train_fold: FoldTrainer, *, count: int, seed: int, directory: Path
) -> dict[str, Any]:
    """Train `count` networks and give mean and standard deviation of their held-out figures.

    `train_fold` takes the training part, the held-out part and a folder of its own for checkpoints
    inside `directory`, and gives probabilities (n, classes) for the held-out part.
    """
    figures = [
        _figures(data.labels[fold.held_out], probabilities)
        for fold, probabilities in _predicted(data, train_fold, count, seed, directory)
    ]
    return {"folds": count, "n": len(data.labels), "seed": seed, **_summary(figures)}


def out_of_fold(
    data: Split, train_fold: FoldTrainer, *, count: int, seed: int, directory: Path
) -> NDArray[np.float64]:
    """Give probabilities (N, classes), for each image by the network that never saw it.

    The arguments are those of `cross_validate`.
    """
    parts = list(_predicted(data, train_fold, count, seed, directory))
    order = np.concatenate([fold.held_out for fold, _ in parts])
    return np.concatenate([probabilities for _, probabilities in parts])[np.argsort(order)]


def _predicted(
    data: Split, train_fold: FoldTrainer, count: int, seed: int, directory: Path
) -> Iterator[tuple[Fold, NDArray[np.float64]]]:
    """Each fold with what its network says of the images that it holds out."""
    for number, fold in enumerate(folds(data, count, seed), start=1):
        training, held_out = _part(data, fold.training), _part(data, fold.held_out)
        yield fold, train_fold(training, held_out, directory / f"fold_{number}")


def _part(data: Split, indices: NDArray[np.int64]) -> Split:
    return Split(data.images[indices], data.labels[indices])


def _figures(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    matrix = evaluation.confusion_matrix(
        labels, probabilities.argmax(axis=1), probabilities.shape[1]
    )
    return {
        "accuracy": evaluation.accuracy(matrix),
        "balanced_accuracy": evaluation.balanced_accuracy(matrix),
        "auc": evaluation.auc(labels, probabilities),
    }


def _summary(figures: Sequence[dict[str, float]]) -> dict[str, Any]:
    columns = {name: [row[name] for row in figures] for name in figures[0]}
    return {
        name: {
            "mean": float(np.mean(values)),
            "standard_deviation": float(np.std(values, ddof=1)),
            "by_fold": values,
        }
        for name, values in columns.items()
    }
