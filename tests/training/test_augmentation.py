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


def test_a_zoom_brings_the_middle_nearer_or_farther() -> None:
    picture = np.zeros((1, SIDE, SIDE, 1), np.uint8)
    picture[0, 7:21, 7:21] = 200
    areas = augment(np.repeat(picture, 200, axis=0), Augmentation(zoom=0.2), 1).mean(axis=(1, 2, 3))
    nearest, farthest = 1 / 0.8**2, 1 / 1.2**2
    assert np.all(areas <= 1.02 * nearest * picture.mean())
    assert np.all(areas >= 0.98 * farthest * picture.mean())
    assert areas.max() > 1.3 * picture.mean() > 1.7 * areas.min()


def test_a_rotation_turns_to_either_side_about_the_middle() -> None:
    picture = np.zeros((1, SIDE, SIDE, 1), np.uint8)
    picture[0, :, 13:15] = 200  # an upright line
    turned = augment(np.repeat(picture, 200, axis=0), Augmentation(rotation=20), 1)
    middle = (turned[:, 14, :, 0] * np.arange(SIDE)).sum(axis=1) / turned[:, 14, :, 0].sum(axis=1)
    assert np.all(np.abs(middle - 13.5) < 0.7)
    top = (turned[:, 3, :, 0] * np.arange(SIDE)).sum(axis=1) / turned[:, 3, :, 0].sum(axis=1)
    farthest = 10.5 * np.tan(np.radians(20))
    assert top.min() < 13.5 - 0.8 * farthest
    assert top.max() > 13.5 + 0.8 * farthest
    assert np.all(np.abs(top - 13.5) < farthest + 0.7)


def test_brightness_moves_the_mean_and_contrast_keeps_it(images: NDArray[np.uint8]) -> None:
    grey = np.clip(images, 100, 150)
    before = grey.mean(axis=(1, 2, 3))
    brighter = augment(grey, Augmentation(brightness=0.1), 1).mean(axis=(1, 2, 3)) - before
    assert -26 < brighter.min() < -15
    assert 15 < brighter.max() < 26
    stretched = augment(grey, Augmentation(contrast=0.5), 1)
    np.testing.assert_allclose(stretched.mean(axis=(1, 2, 3)), before, atol=1)
    ratio = stretched.std(axis=(1, 2, 3)) / grey.std(axis=(1, 2, 3))
    assert 0.5 < ratio.min() < 0.7
    assert 1.3 < ratio.max() < 1.51


def test_another_stain_keeps_white_white_and_another_light_does_not() -> None:
    white = np.full((100, 4, 4, 3), 255, np.uint8)
    assert np.array_equal(augment(white, Augmentation(stain=0.3), 1), white)
    lit = augment(white, Augmentation(light=0.2), 1)
    assert np.ptp(lit.astype(int), axis=3).max() > 20  # no longer grey
    assert np.ptp(lit, axis=(1, 2)).max() == 0  # and yet the same everywhere


def test_most_images_keep_nearly_the_colours_they_had() -> None:
    grey = np.full((1000, 2, 2, 3), 128, np.uint8)
    change = np.abs(augment(grey, Augmentation(stain=0.3, light=0.2), 1).astype(int) - 128)
    assert np.median(change) < 10
    assert change.max() > 60


def test_other_hues_keep_grey_grey_and_turn_what_has_a_colour() -> None:
    grey, red = np.full((100, 4, 4, 3), 128, np.uint8), np.zeros((100, 4, 4, 3), np.uint8)
    red[..., 0], red[..., 1:] = 180, 100
    assert np.array_equal(augment(grey, Augmentation(hue=30, saturation=0.3), 1), grey)
    turned = augment(red, Augmentation(hue=30), 1).astype(int)
    assert np.ptp(turned[:, 0, 0, 1] - turned[:, 0, 0, 2]) > 40
    luminance = turned[:, 0, 0] @ [0.299, 0.587, 0.114]
    assert np.abs(luminance - luminance[0]).max() < 2
    fuller = augment(red, Augmentation(saturation=0.3), 1).astype(int)
    assert np.ptp(np.ptp(fuller[:, 0, 0], axis=1)) > 60
    assert np.abs(fuller[..., 1] - fuller[..., 2]).max() <= 1  # the same hue


def test_a_share_of_the_images_is_recorded_badly(images: NDArray[np.uint8]) -> None:
    changed = augment(np.repeat(images, 5, axis=0), Augmentation(recording=0.25), 1)
    share = np.mean(np.any(changed != np.repeat(images, 5, axis=0), axis=(1, 2, 3)))
    assert 0.15 < share < 0.35


@pytest.mark.parametrize(
    "changes",
    [WHOLE_PIXELS, SYMMETRIES, Augmentation(zoom=0.1, stain=0.3, light=0.2, hue=9, recording=0.5)],
)
def test_the_seed_decides(images: NDArray[np.uint8], changes: Augmentation) -> None:
    assert np.array_equal(augment(images, changes, 1), augment(images, changes, 1))
    assert not np.array_equal(augment(images, changes, 1), augment(images, changes, 2))


def test_without_settings_nothing_changes(images: NDArray[np.uint8]) -> None:
    assert augment(images, Augmentation(), seed=1) is images
