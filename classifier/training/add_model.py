"""Makes bundles of networks that were trained elsewhere."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from classifier.bundles.files import checksum
from classifier.bundles.registry import Bundle, load_bundle
from classifier.bundles.schema import FROM_A_FILE, SCHEMA_VERSION, Training
from classifier.datasets import Dataset
from classifier.datasets.medmnist import load_split, source_of
from classifier.errors import PlainError
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.evaluate import evaluate_scores
from classifier.evaluation.scores import Scores
from classifier.networks.checks import probe
from classifier.networks.safe_loading import NetworkError, load_network
from classifier.training.export import write_bundle
from classifier.training.outputs import Outputs, with_probabilities
from classifier.training.pipeline import record_evaluation
from classifier.training.progress import images_progress

UNKNOWN_TRAINING = (
    "Trained elsewhere, on images that are not known here. If test images were among them, the "
    "figures flatter; and what is said of training below holds only if it was on this dataset."
)
UNKNOWN_ORDER = (
    "That its outputs are in the order of the classes is taken on trust; a file does not say."
)


class TooPoorError(PlainError):
    """A network that is right no more often than who always names the commonest class."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What has to be put before a network that does not take pixels 0-255.

    The network gets (pixels × rescale − mean) / std, in the order and the units of Keras's
    ImageDataGenerator (`standardize`); `mean` and `std` have one value, or one per channel.
    `preprocess_input` names the module of keras.applications whose function is in the network, for
    a file that does not say it.
    """

    rescale: float = 1.0
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    preprocess_input: str = ""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a model is called, and the name of its architecture where that is known."""

    slug: str
    title: str
    architecture: str


def add_model(
    models_dir: Path,
    path: Path,
    dataset: Dataset,
    description: Description,
    preparation: Preparation,
    outputs: Outputs,
    data_root: Path,
    *,
    takes_poor: bool = False,
) -> Bundle:
    """Check the network in a .keras or .h5 file and write it as a bundle.

    It is evaluated where `data_root` has the dataset's file; nothing is downloaded. An older bundle
    of the same slug is replaced, and the version raised. Raises NetworkError; TooPoorError, unless
    `takes_poor`; DataError where the file cannot be read; and BundleError where the description is
    not one that a bundle can have.
    """
    network = load_network(path, preprocess_input=preparation.preprocess_input)
    size, channels = _input(network)
    network = _scaled(network, preparation, size, channels)
    network = with_probabilities(network, outputs, dataset, probe(network, size, channels))
    values = {
        "schema_version": SCHEMA_VERSION,
        **asdict(description),
        "dataset": dataset.slug,
        "classes": dataset.labels,
        "input": {"size": size, "channels": channels},
        "parameters": network.count_params(),
        "recommended": False,
        # All that is known of it.
        "training": Training.model_validate(
            {"source": FROM_A_FILE, "file": path.name, "sha256": checksum(path)}
            | asdict(preparation)
            | {"outputs": asdict(outputs)}
        ),
        "reported": None,
        "intended_use": dataset.intended_use,
        "limitations": (UNKNOWN_TRAINING, UNKNOWN_ORDER, *dataset.limitations),
    }
    data = data_root / source_of(dataset, size).file_name
    if not data.exists():
        return write_bundle(models_dir, network, values)
    test = load_split(data, "test", size=size, channels=channels, classes=len(dataset.classes))
    with images_progress(description.slug) as listener:
        probabilities = predict(network, test.images, which="test images", listener=listener)
    if not takes_poor:
        _check_figures(Scores(probabilities, test.labels), dataset)
    bundle = write_bundle(models_dir, network, values)
    record_evaluation(bundle, evaluate_scores(bundle, network, data, test, probabilities))
    return load_bundle(bundle.path)


def _check_figures(scores: Scores, dataset: Dataset) -> None:
    accuracy = float(np.mean(scores.probabilities.argmax(axis=1) == scores.labels))
    counts = np.bincount(scores.labels, minlength=len(dataset.labels))
    commonest = counts.max() / counts.sum()
    if accuracy <= commonest:
        raise TooPoorError(
            f"Accuracy {accuracy:.4f} on {len(scores.labels):,} test images, and always naming "
            f"{dataset.labels[counts.argmax()]!r} gives {commonest:.4f}. Either its outputs are in "
            f"another order than {'; '.join(dataset.labels)}: see --classes. Or it was trained on "
            "other values than these: see --rescale. To add it all the same: --despite-figures."
        )


def _input(network: Any) -> tuple[int, int]:
    """Side and channels of the images that a network takes."""
    # A network without a fixed shape has no such attribute.
    match getattr(network, "input_shape", None):
        case (None, int(height), int(width), (1 | 3) as channels) if height == width:
            return height, channels
        case shape:
            raise NetworkError(
                f"The network takes {shape or 'no fixed shape'}. It has to take square images of "
                "one size, grey or RGB: (None, side, side, 1) or (None, side, side, 3)."
            )


def _scaled(network: Any, preparation: Preparation, size: int, channels: int) -> Any:
    """The network behind the layers that bring pixels to the values that it was trained on."""
    mean = _per_channel("mean", preparation.mean, channels)
    std = _per_channel("std", preparation.std, channels)
    if preparation.rescale == 1 and not any(mean) and set(std) == {1}:
        return network
    variance = [value**2 for value in std]
    return keras.Sequential(
        [
            keras.Input((size, size, channels), name="pixels"),
            keras.layers.Rescaling(preparation.rescale),
            keras.layers.Normalization(mean=mean, variance=variance),
            network,
        ]
    )


def _per_channel(name: str, values: Sequence[float], channels: int) -> list[float]:
    if len(values) == 1:
        return [*values] * channels
    if len(values) != channels:
        raise NetworkError(
            f"--{name} has {len(values)} values, the images {channels} channel(s). It takes one "
            "value, or one for each channel."
        )
    return [*values]
