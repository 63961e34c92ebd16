"""Whole images that a dataset's were cut from."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.datasets import datasets
from classifier.datasets.frames import load_frames
from classifier.datasets.medmnist import DataError
from tests.datasets.frames_file import write_frames

BLOOD, BREAST = datasets()["bloodmnist"], datasets()["breastmnist"]


def plain(value: int, height: int = 36, width: int = 36) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def frames_file(root: Path) -> Path:
    assert BLOOD.frames
    return root / BLOOD.frames


def test_frames_come_in_the_order_of_the_rows_and_of_one_split(tmp_path: Path) -> None:
    named = {
        "train/00001_5.png": plain(1, 37),
        "train/00000_0.png": plain(0),
        "val/00000_1.png": plain(9),
        "train/00002_3.png": plain(2),
        "README.md": plain(7),
    }
    write_frames(frames_file(tmp_path), named.items())
    frames = load_frames(BLOOD, "train", tmp_path)
    assert [image.flat[0] for image in frames.images] == [0, 1, 2]
    assert [image.shape for image in frames.images] == [(36, 36, 3), (37, 36, 3), (36, 36, 3)]


def test_the_side_follows_the_scale_at_which_the_frames_are_stored(tmp_path: Path) -> None:
    """A frame of 360 pixels has the dataset's image in its middle 200."""
    write_frames(frames_file(tmp_path), [("train/00000_0.png", plain(0, 182, 180))])
    assert load_frames(BLOOD, "train", tmp_path).side == pytest.approx(100)


def test_a_missing_row_is_named(tmp_path: Path) -> None:
    write_frames(frames_file(tmp_path), [("train/00001_0.png", plain(0))])
    with pytest.raises(DataError, match="one image for each row of train"):
        load_frames(BLOOD, "train", tmp_path)


def test_a_file_that_is_absent_or_damaged_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="MEDMNIST_ROOT"):
        load_frames(BLOOD, "train", tmp_path)
    frames_file(tmp_path).write_bytes(b"PK, but no archive")
    with pytest.raises(DataError, match="cannot be read"):
        load_frames(BLOOD, "train", tmp_path)


def test_a_dataset_without_frames_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no whole images"):
        load_frames(BREAST, "train", tmp_path)
