"""A bundle like any other, but for random weights and figures that are made up."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from tests.factories import evaluation_of, metadata_of

# So slow that a kill lands in the middle of a batch and not after it.
SLOW = """
import sys, keras
from keras import layers
network = keras.Sequential([
    keras.Input((28, 28, 3)),
    layers.Rescaling(1 / 255),
    layers.UpSampling2D(16),
    *[layers.Conv2D(32, 5, padding="same", activation="relu") for _ in range(6)],
    layers.GlobalAveragePooling2D(),
    layers.Dense(8, activation="softmax"),
])
network.save(sys.argv[1])
"""


def only_bundle(models_dir: Path, slug: str) -> Path:
    """A folder with one of the shipped bundles, with which a worker is soon ready; returns it."""
    shutil.copytree(settings.MODELS_DIR / slug, models_dir / slug)
    return models_dir


def write_slow_bundle(models_dir: Path, slug: str = "slow") -> None:
    """Write a bundle whose network needs about half a second an image on one core."""
    folder = models_dir / slug
    folder.mkdir(parents=True)
    weights = folder / "model.keras"
    # In a process of its own: TensorFlow must not live in the process that starts the workers.
    command = [sys.executable, "-c", SLOW, str(weights)]
    subprocess.run(command, cwd=settings.BASE_DIR, check=True)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    metadata = metadata_of(slug=slug, dataset="bloodmnist", sha256=sha256)
    evaluation = {**evaluation_of(metadata["classes"]), "weights_sha256": sha256}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
