"""Images as another laboratory might have them."""

import numpy as np
import pytest

from classifier.datasets.frames import Frames
from classifier.datasets.medmnist import Split
from classifier.training.recipe import Augmentation, FrameCrops
from classifier.training.shift import shifted

STRONG = Augmentation(stain=0.5, light=0.3)


@pytest.fixture
def split() -> Split:
    images = np.random.default_rng(0).integers(60, 200, (20, 8, 8, 3), np.uint8)
    return Split(images, np.arange(20) % 2)


def test_each_copy_of_an_image_is_changed_in_a_way_of_its_own(split: Split) -> None:
    found = shifted(split, None, STRONG, seed=1)
    assert len(found.images) == 60
    assert found.labels.tolist() == split.labels.tolist() * 3
    changed = (found.images != np.tile(split.images, (3, 1, 1, 1))).any(axis=(1, 2, 3))
    assert changed.mean() > 0.9
    assert (found.images[:20] != found.images[20:40]).any(axis=(1, 2, 3)).mean() > 0.9


def test_the_seed_decides(split: Split) -> None:
    first, again, other = (shifted(split, None, STRONG, seed=seed, copies=1) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_frames_show_each_image_from_its_own_surroundings(split: Split) -> None:
    plain = Frames([np.full((30, 30, 3), row, np.uint8) for row in range(20)], side=16)
    settings = Augmentation(frames=FrameCrops(share=1, scale=2, turned=0.5))
    found = shifted(split, plain, settings, seed=1, copies=2)
    assert found.images[:, 4, 4, 0].tolist() == [*range(20), *range(20)]
