"""Labelled images of other laboratories."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from classifier.datasets import datasets
from classifier.datasets.laboratories import load_laboratories
from classifier.datasets.medmnist import DataError

BLOOD, BREAST = datasets()["bloodmnist"], datasets()["breastmnist"]
TABLE = """file,laboratory,class,mask
a/1.png,north,neutrophil,a/1_mask.png
b/1.png,south,monocyte,
a/2.png,north,basophil,
"""


def write(root: Path, table: str, sizes: Mapping[str, tuple[int, int]]) -> None:
    assert BLOOD.laboratories
    with zipfile.ZipFile(root / BLOOD.laboratories, "w") as archive:
        archive.writestr("labels.csv", table)
        for name, size in sizes.items():
            buffer = io.BytesIO()
            Image.new("RGB", size).save(buffer, "PNG")
            archive.writestr(name, buffer.getvalue())


SIZES = {"a/1.png": (12, 10), "a/2.png": (9, 9), "b/1.png": (30, 31)}


def test_images_come_by_laboratory_with_the_labels_of_the_dataset(tmp_path: Path) -> None:
    write(tmp_path, TABLE, SIZES)
    found = load_laboratories(BLOOD, tmp_path)
    assert {name: [each.size for each in one.pictures] for name, one in found.items()} == {
        "north": [(12, 10), (9, 9)],
        "south": [(30, 31)],
    }
    assert found["north"].labels.tolist() == [6, 0]
    assert found["south"].labels.tolist() == [5]


def test_where_no_file_lies_there_are_none(tmp_path: Path) -> None:
    assert load_laboratories(BLOOD, tmp_path) == load_laboratories(BREAST, tmp_path) == {}


@pytest.mark.parametrize(
    ("table", "sizes"),
    [(TABLE.replace("monocyte", "a cell"), SIZES), (TABLE, {}), ("file\na/1.png\n", SIZES)],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, table: str, sizes: Mapping[str, tuple[int, int]]
) -> None:
    write(tmp_path, table, sizes)
    with pytest.raises(DataError, match=r"other_laboratories\.zip"):
        load_laboratories(BLOOD, tmp_path)
