"""Training images cut anew from the frames behind them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.datasets.frames import Frames
from classifier.training.frame_crops import cut_anew
from classifier.training.recipe import FrameCrops

COUNT, SIZE, SIDE = 200, 16, 32.0


@pytest.fixture(scope="module")
def frames() -> Frames:
    """A white square of 16 pixels, half the side of the dataset's image, on a darker ground."""
    frame = np.full((60, 64, 3), 50, np.uint8)
    frame[22:38, 24:40] = 250
    return Frames([frame] * COUNT, SIDE)


def cut(frames: Frames, seed: int = 1, **settings: float) -> NDArray[np.uint8]:
    """Crops that replace black images, which no crop is."""
    black = np.zeros((COUNT, SIZE, SIZE, 3), np.uint8)
    crops = FrameCrops.model_validate({"share": 1.0} | settings)
    return cut_anew(black, frames, np.arange(COUNT), crops, seed)


def sides(images: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Of the white square, as shares of what is seen."""
    seen = np.clip((images[..., 0].astype(float) - 50) / 200, 0, 1)
    return np.asarray(np.sqrt(seen.mean(axis=(1, 2))))


def test_as_it_stands_a_crop_is_the_middle_of_the_frame(frames: Frames) -> None:
    crops = cut(frames)
    assert (crops == crops[0]).all()
    assert np.all(crops[0, 5:11, 5:11] == 250)
    assert np.all(crops[0, :3] == 50)


def test_only_a_share_is_cut_anew(frames: Frames) -> None:
    crops = cut(frames, share=0.3)
    assert 0.2 < np.mean(crops.any(axis=(1, 2, 3))) < 0.4


def test_the_scale_varies_both_ways_and_mostly_little(frames: Frames) -> None:
    found = sides(cut(frames, scale=2.0))
    assert found.min() == pytest.approx(0.25, abs=0.05)
    assert found.max() == pytest.approx(1.0, abs=0.1)
    assert np.median(found) == pytest.approx(0.5, abs=0.05)


def test_any_angle_keeps_size_and_place(frames: Frames) -> None:
    crops = cut(frames, turned=1.0)
    assert not np.array_equal(crops[0], crops[1])
    assert sides(crops) == pytest.approx(0.5, abs=0.05)
    assert np.all(crops[:, 6:10, 6:10] > 240)


def test_a_shift_stays_within_its_share(frames: Frames) -> None:
    white = cut(frames, shift=0.25)[..., 0].astype(float) - 50
    places = (white.sum(axis=1) * (np.arange(SIZE) + 0.5)).sum(axis=1) / white.sum(axis=(1, 2))
    assert np.ptp(places) > 0.4 * SIZE
    assert np.abs(places - SIZE / 2).max() <= 0.25 * SIZE + 0.5


def test_beyond_the_frame_it_is_mirrored(frames: Frames) -> None:
    assert cut(frames, scale=4.0, turned=1.0, shift=0.3).min() > 10


def test_a_cell_that_is_found_is_cut_at_its_own_place_and_size(frames: Frames) -> None:
    beside = replace(frames, cells=[(28, 26, 36, 34)] * COUNT)
    assert np.all(cut(beside, found=1.0) == 250)
    some = sides(cut(beside, found=0.5))
    assert 0.35 < np.mean(some > 0.9) < 0.65
    assert some[some < 0.9] == pytest.approx(0.5, abs=0.05)


def test_without_a_cell_it_is_the_middle(frames: Frames) -> None:
    none = replace(frames, cells=[None] * COUNT)
    assert sides(cut(none, found=1.0)) == pytest.approx(0.5, abs=0.05)


def test_the_scale_of_a_cell_that_is_found_varies_less(frames: Frames) -> None:
    around = replace(frames, cells=[(16, 14, 48, 46)] * COUNT)
    found = sides(cut(around, found=1.0, scale=4.0))
    assert 0.25 - 0.05 < found.min() < found.max() < 1.05


def test_the_seed_decides(frames: Frames) -> None:
    settings = {"share": 0.5, "scale": 2.0, "shift": 0.1, "turned": 0.5}
    assert np.array_equal(cut(frames, 1, **settings), cut(frames, 1, **settings))
    assert not np.array_equal(cut(frames, 1, **settings), cut(frames, 2, **settings))
