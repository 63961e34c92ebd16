"""Cross-validation predicts each image once, by a network that saw neither it nor its twin."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.datasets.medmnist import Split
from classifier.datasets.near_duplicates import near_duplicate_groups
from classifier.training import pipeline
from classifier.training.cross_validation import (
    cross_validate,
    folds,
    out_of_fold,
)
from classifier.training.recipe import RecipeError
from tests.training import synthetic

FOLDS = 5
TWINS = 0.93


def with_twins(count: int = 60) -> Split:
    """Random images, each followed by a slightly brighter copy of itself."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(20, 220, (count, 8, 8, 1))
    images = np.kron(coarse, np.ones((1, 4, 4, 1), np.int64))
    noise = generator.integers(0, 6, images.shape)
    pairs = np.stack([images, images + 10 + noise], axis=1).reshape(2 * count, 32, 32, 1)
    labels = np.repeat(generator.integers(0, 2, count), 2)
    return Split(pairs.astype(np.uint8), labels.astype(np.int64))


def test_twins_share_a_group_and_strangers_do_not() -> None:
    groups = near_duplicate_groups(with_twins().images, TWINS)
    assert np.array_equal(groups[::2], groups[1::2])
    assert len(set(groups)) == 60


def test_folds_hold_out_each_image_once_and_keep_twins_together() -> None:
    data = with_twins()
    divided = list(folds(data, FOLDS, 1, TWINS))
    held_out = np.concatenate([fold.held_out for fold in divided])
    assert sorted(held_out) == list(range(len(data.labels)))
    for fold in divided:
        assert not set(fold.held_out // 2) & set(fold.training // 2)
        assert abs(data.labels[fold.held_out].mean() - data.labels.mean()) < 0.2


def test_mean_and_standard_deviation_over_the_folds(tmp_path: Path) -> None:
    def always_first(training: Split, held_out: Split, directory: Path) -> NDArray[np.float64]:
        return np.tile([0.9, 0.1], (len(held_out.labels), 1))

    data = with_twins()
    figures = cross_validate(
        data,
        always_first,
        splits=("train",),
        count=FOLDS,
        seed=1,
        correlation=TWINS,
        directory=tmp_path,
    )
    shares = [(data.labels[fold.held_out] == 0).mean() for fold in folds(data, FOLDS, 1, TWINS)]
    assert figures.accuracy.mean == pytest.approx(np.mean(shares))
    assert figures.accuracy.standard_deviation == pytest.approx(np.std(shares, ddof=1))
    assert figures.auc.mean == 0.5
    assert (figures.folds, figures.n) == (FOLDS, len(data.labels))


def test_out_of_fold_scores_stand_in_the_order_of_the_images(tmp_path: Path) -> None:
    def brightness(training: Split, held_out: Split, directory: Path) -> NDArray[np.float64]:
        return np.stack([held_out.images.mean(axis=(1, 2, 3))] * 2, axis=1)

    data = with_twins()
    scores = out_of_fold(
        data, brightness, count=FOLDS, seed=1, correlation=TWINS, directory=tmp_path
    )
    np.testing.assert_allclose(scores[:, 0], data.images.mean(axis=(1, 2, 3)))


def test_a_recipe_is_cross_validated_from_its_data_file(tmp_path: Path) -> None:
    synthetic.write_data_file(tmp_path / "data")
    figures = pipeline.cross_validate_recipe(
        "breast-dnn-plain",
        {"size": synthetic.SIZE, "epochs": 1},
        ("train", "val"),
        checkpoint_dir=tmp_path / "checkpoints",
        data_root=tmp_path / "data",
        resume=False,
    )
    assert figures.n == 96
    assert figures.splits == ("train", "val")
    assert len(figures.accuracy.by_fold or ()) == FOLDS
    assert not (tmp_path / "checkpoints").exists()


def test_a_recipe_that_selects_by_the_held_out_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="holds out"):
        pipeline.cross_validate_recipe(
            "blood-resnet50",
            {},
            ("train",),
            checkpoint_dir=tmp_path,
            data_root=tmp_path,
            resume=True,
        )
