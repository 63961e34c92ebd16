"""A model that takes its time, so that a kill lands in the middle of a batch and not after it.

It is a bundle like any other, with a real network; only its figures are made up.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tests.factories import evaluation_of, metadata_of

# Built in a process of its own: TensorFlow must not live in the process that starts the workers.
BUILD = """
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


def write_slow_bundle(models_dir: Path, slug: str = "slow") -> None:
    """Write a bundle whose network needs about half a second an image on one core."""
    folder = models_dir / slug
    folder.mkdir(parents=True)
    weights = folder / "model.keras"
    subprocess.run([sys.executable, "-c", BUILD, str(weights)], check=True)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    metadata = metadata_of(slug=slug, dataset="bloodmnist", sha256=sha256)
    evaluation = {**evaluation_of(metadata["classes"]), "weights_sha256": sha256}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
