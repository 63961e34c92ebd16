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
from sklearn.model_selection import StratifiedGroupKFold

from classifier.datasets.medmnist import Split
from classifier.datasets.near_duplicates import near_duplicate_groups
from classifier.evaluation import metrics as evaluation

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
