"""What a dataset's file says of its differential count."""

import json
from pathlib import Path
from typing import Any

import pytest

from classifier.datasets import DATASETS_DIR, DatasetError, datasets, read_dataset


def written(folder: Path, differential: Any) -> Path:
    content = json.loads((DATASETS_DIR / "bloodmnist.json").read_text())
    path = folder / "bloodmnist.json"
    path.write_text(json.dumps({**content, "differential": differential}))
    return path


def test_blood_counts_white_cells_and_breast_none() -> None:
    differential = datasets()["bloodmnist"].differential
    assert differential is not None
    assert "neutrophil" in differential.denominator
    assert "platelet" not in differential.denominator
    assert differential.per_hundred == ("erythroblast",)
    assert datasets()["breastmnist"].differential is None


@pytest.mark.parametrize(
    ("differential", "message"),
    [
        ({"denominator": ["neutrophil", "blast"], "per_hundred": []}, "'blast', which is no class"),
        ({"denominator": ["neutrophil"], "per_hundred": ["neutrophil"]}, "'neutrophil' twice"),
        ({"denominator": [], "per_hundred": []}, "differential.denominator"),
        ({"denominator": ["neutrophil"]}, "differential.per_hundred"),
    ],
)
def test_a_differential_that_cannot_be_counted_is_named(
    tmp_path: Path, differential: Any, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_dataset(written(tmp_path, differential))
