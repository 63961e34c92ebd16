"""From whole micrographs to a bundle whose limits come in three steps."""

from pathlib import Path

import numpy as np

from classifier.datasets import datasets
from classifier.networks.limits import Limits
from classifier.training.pipeline import train_bundle
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


def test_a_recipe_learns_from_frames_and_grades_its_limits(tmp_path: Path) -> None:
    write_data(tmp_path)
    recipe = {
        "dataset": BLOOD.slug,
        "architecture": "compact_resnet",
        "size": SIDE,
        "epochs": 1,
        "batch_size": 16,
        "network": {"widths": [4, 8], "blocks": [0, 1]},
        "augmentation": {"frames": {"share": 0.5, "scale": 2.0, "turned": 0.5}, "light": 0.2},
        "uncertainty": {"shifted": True, "references": 20},
        "mixed_precision": True,
    }
    bundle = train_bundle(
        "blood-synthetic",
        recipe,
        models_dir=tmp_path / "models",
        checkpoint_dir=tmp_path / "run",
        data_root=tmp_path,
        resume=False,
    )
    assert bundle.limits_path is not None
    limits = Limits.read(bundle.limits_path)
    assert limits.limit < limits.outer_limit
    assert len(limits.reference) == 20
    assert bundle.metadata.training.mixed_precision
    assert "frames (share 0.5" in (bundle.path / "README.md").read_text()
