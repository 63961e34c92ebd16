"""From whole micrographs to a bundle whose limits come in three steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.bundles.registry import Bundle
from classifier.datasets import datasets
from classifier.networks.limits import Limits
from classifier.networks.safe_loading import load_network
from classifier.training.pipeline import train_bundle
from classifier.training.recipe import RecipeError
from tests.datasets.frames_file import write_frames

BLOOD, COUNT, SIDE = datasets()["bloodmnist"], 48, 28


def write_data(root: Path) -> None:
    """Images whose brightness tells their class, and the frames that they are the middle of."""
    generator = np.random.default_rng(0)
    arrays, frames = {}, []
    for name in ("train", "val"):
        labels = np.arange(COUNT) % len(BLOOD.classes)
        whole = generator.integers(0, 60, (COUNT, 50, 50, 3)) + 25 * labels[:, None, None, None]
        middle = slice(11, 11 + SIDE)
        arrays |= {
            f"{name}_images": whole[:, middle, middle].astype(np.uint8),
            f"{name}_labels": labels[:, None].astype(np.uint8),
        }
        frames += [
            (f"{name}/{row:05d}_{label}.png", whole[row].astype(np.uint8))
            for row, label in enumerate(labels)
        ]
    np.savez(root / "bloodmnist.npz", **arrays)  # type: ignore[arg-type]
    assert BLOOD.frames
    write_frames(root / BLOOD.frames, frames)


def trained(recipe: dict[str, Any], slug: str, root: Path) -> Bundle:
    return train_bundle(
        slug,
        recipe,
        models_dir=root / "models",
        checkpoint_dir=root / "run",
        data_root=root,
        resume=False,
    )


def test_a_recipe_learns_from_frames_and_grades_its_limits(tmp_path: Path) -> None:
    write_data(tmp_path)
    recipe: dict[str, Any] = {
        "dataset": BLOOD.slug,
        "architecture": "compact_resnet",
        "size": SIDE,
        "epochs": 1,
        "batch_size": 16,
        "network": {"widths": [4, 8], "blocks": [0, 1]},
        "augmentation": {
            "frames": {"share": 0.5, "scale": 2.0, "turned": 0.5, "found": 0.5},
            "light": 0.2,
        },
        "uncertainty": {"shifted": True, "references": 20},
        "mixed_precision": True,
    }
    bundle = trained(recipe, "blood-synthetic", tmp_path)
    assert bundle.limits_path is not None
    limits = Limits.read(bundle.limits_path)
    assert limits.limit < limits.outer_limit
    assert len(limits.reference) == 20
    assert bundle.metadata.training.mixed_precision
    assert "frames (share 0.5" in (bundle.path / "README.md").read_text()


def test_a_training_goes_on_from_a_model_that_is_there(tmp_path: Path) -> None:
    write_data(tmp_path)
    recipe: dict[str, Any] = {
        "dataset": BLOOD.slug,
        "architecture": "compact_resnet",
        "size": SIDE,
        "epochs": 4,
        "batch_size": 16,
        "network": {"widths": [4, 8], "blocks": [0, 1]},
    }
    first = trained(recipe, "blood-first", tmp_path)
    # Steps of no length leave the weights as they are.
    further = recipe | {"epochs": 1, "learning_rate": 0.0, "starts_from": "blood-first"}
    second = trained(further, "blood-second", tmp_path)
    kernels = [load_network(each.weights_path).get_weights()[0] for each in (first, second)]
    np.testing.assert_allclose(*kernels, atol=1e-6)
    assert second.metadata.training.starts_from == "blood-first"
    assert "blood-first" in (second.path / "README.md").read_text()


def test_another_network_is_nothing_to_start_from(tmp_path: Path) -> None:
    write_data(tmp_path)
    recipe: dict[str, Any] = {
        "dataset": BLOOD.slug,
        "architecture": "compact_resnet",
        "size": SIDE,
        "epochs": 1,
        "network": {"widths": [4, 8], "blocks": [0, 1]},
    }
    trained(recipe, "blood-first", tmp_path)
    wider = recipe | {
        "network": {"widths": [4, 16], "blocks": [0, 1]},
        "starts_from": "blood-first",
    }
    with pytest.raises(RecipeError, match="another network"):
        trained(recipe | wider, "blood-second", tmp_path)
