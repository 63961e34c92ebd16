"""Images as another laboratory might have them, so that limits can be chosen without any of one."""

from typing import Final

import numpy as np

from classifier.datasets.frames import Frames
from classifier.datasets.medmnist import Split
from classifier.training.augmentation import augment
from classifier.training.frame_crops import cut_anew
from classifier.training.recipe import Augmentation

# Each image is shifted in so many ways: quantiles of a few hundred would be coarse.
COPIES: Final = 3


def shifted(
    split: Split, frames: Frames | None, settings: Augmentation, seed: int, copies: int = COPIES
) -> Split:
    """Each image of a split changed at random, `copies` times; `seed` decides all."""
    rows = np.tile(np.arange(len(split.labels)), copies)
    cutting, changing = np.random.SeedSequence(seed).generate_state(2)
    images = split.images[rows]
    if settings.frames and frames:
        images = cut_anew(images, frames, rows, settings.frames, int(cutting))
    return Split(augment(images, settings, int(changing)), split.labels[rows])
