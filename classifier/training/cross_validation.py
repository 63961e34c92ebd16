"""Cross-validation of a recipe: every image is predicted once by a network that never saw it.

Folds keep the shares of the classes, and keep near-duplicates together: BUSI, the source of
BreastMNIST, has many lesions twice, and a twin in the training folds would flatter every figure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from classifier.bundles.schema import CrossValidation, OverFolds
from classifier.datasets.medmnist import Split, SplitName
from classifier.datasets.near_duplicates import near_duplicate_groups
from classifier.evaluation import metrics
from classifier.evaluation.scores import Floats

FoldTrainer = Callable[[Split, Split, Path], Floats]


@dataclass(frozen=True)
class Fold:
    """Indices (N,) int64 of the images that a fold trains on and of those it is measured on."""

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


def joined(splits: Sequence[Split]) -> Split:
    """Several splits as one, in the order given."""
    return Split(
        np.concatenate([split.images for split in splits]),
        np.concatenate([split.labels for split in splits]),
    )


def folds(data: Split, count: int, seed: int, correlation: float) -> Iterator[Fold]:
    """Divide into `count` stratified folds, with near-duplicates in the same one.

    These are images whose thumbnails correlate by more than `correlation`.
    """
    divide = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    groups = near_duplicate_groups(data.images, correlation)
    for training, held_out in divide.split(data.images, data.labels, groups):
        yield Fold(training.astype(np.int64), held_out.astype(np.int64))


def cross_validate(
    data: Split,
    train_fold: FoldTrainer,
    *,
    splits: Sequence[SplitName],
    count: int,
    seed: int,
    correlation: float,
    directory: Path,
) -> CrossValidation:
    """Train `count` networks and summarise their metrics on what each held out.

    `data` are the images of `splits` together; for `correlation` see `folds`. `train_fold` takes
    the training part, the held-out part and a folder of its own for checkpoints inside `directory`,
    and returns probabilities (n, classes) for the held-out part.
    """
    parts = _predicted(data, train_fold, count, seed, correlation, directory)
    rows = [_metrics(data.labels[fold.held_out], probabilities) for fold, probabilities in parts]
    return CrossValidation(
        splits=tuple(splits),
        folds=count,
        n=len(data.labels),
        seed=seed,
        **{name: _over_folds([row[name] for row in rows]) for name in rows[0]},
    )


def out_of_fold(
    data: Split,
    train_fold: FoldTrainer,
    *,
    count: int,
    seed: int,
    correlation: float,
    directory: Path,
) -> Floats:
    """Probabilities (N, classes), for each image by the network that never saw it.

    The arguments are those of `cross_validate`.
    """
    parts = list(_predicted(data, train_fold, count, seed, correlation, directory))
    order = np.concatenate([fold.held_out for fold, _ in parts])
    return np.concatenate([probabilities for _, probabilities in parts])[np.argsort(order)]


def _predicted(
    data: Split,
    train_fold: FoldTrainer,
    count: int,
    seed: int,
    correlation: float,
    directory: Path,
) -> Iterator[tuple[Fold, Floats]]:
    """Each fold with what its network says of the images that it holds out."""
    for number, fold in enumerate(folds(data, count, seed, correlation), start=1):
        training, held_out = (
            Split(data.images[part], data.labels[part]) for part in (fold.training, fold.held_out)
        )
        yield fold, train_fold(training, held_out, directory / f"fold_{number}")


def _metrics(labels: NDArray[np.int64], probabilities: Floats) -> dict[str, float]:
    matrix = metrics.confusion_matrix(labels, probabilities)
    return {
        "accuracy": metrics.accuracy(matrix),
        "balanced_accuracy": metrics.balanced_accuracy(matrix),
        "auc": metrics.auc(labels, probabilities),
    }


def _over_folds(values: Sequence[float]) -> OverFolds:
    return OverFolds(
        mean=float(np.mean(values)),
        standard_deviation=float(np.std(values, ddof=1)),
        by_fold=tuple(values),
    )
