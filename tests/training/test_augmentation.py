"""Random changes of training images."""

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.training.augmentation import augment
from classifier.training.recipe import Augmentation

SIDE, LARGEST = 28, 2
WHOLE_PIXELS = Augmentation(shift=LARGEST / SIDE)
SYMMETRIES = Augmentation(flip_horizontal=True, flip_vertical=True, transpose=True)


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE, 3), np.uint8)


def is_moved(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    """Whether the inner part is the same pixels, moved by a whole number of them."""
    moves = range(-LARGEST, LARGEST + 1)
    inner = slice(LARGEST, -LARGEST)
    return any(
        np.array_equal(np.roll(before, (down, right), (0, 1))[inner, inner], after[inner, inner])
        for down in moves
        for right in moves
    )


def test_a_shift_moves_pixels_and_blurs_none(images: NDArray[np.uint8]) -> None:
    moved = augment(images, WHOLE_PIXELS, seed=1)
    assert all(map(is_moved, images, moved))
    assert not np.array_equal(images, moved)


def test_symmetries_keep_every_pixel_value(images: NDArray[np.uint8]) -> None:
    turned = augment(images, SYMMETRIES, seed=1)
    assert not np.array_equal(images, turned)
    for before, after in zip(images, turned, strict=True):
        assert np.array_equal(np.sort(before, axis=None), np.sort(after, axis=None))


@pytest.mark.parametrize("changes", [WHOLE_PIXELS, SYMMETRIES])
def test_the_seed_decides(images: NDArray[np.uint8], changes: Augmentation) -> None:
    assert np.array_equal(augment(images, changes, 1), augment(images, changes, 1))
    assert not np.array_equal(augment(images, changes, 1), augment(images, changes, 2))


def test_without_settings_nothing_changes(images: NDArray[np.uint8]) -> None:
    assert augment(images, Augmentation(), seed=1) is images
