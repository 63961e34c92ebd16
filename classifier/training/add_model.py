"""Makes bundles of networks that were trained elsewhere."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from classifier.bundles.files import checksum
from classifier.bundles.registry import Bundle
from classifier.bundles.schema import FROM_A_FILE, SCHEMA_VERSION, Evaluation, Training
from classifier.datasets import Dataset
from classifier.datasets.medmnist import source_of
from classifier.networks.checks import are_probabilities, probe
from classifier.networks.safe_loading import NetworkError, load_network
from classifier.training.export import write_bundle
from classifier.training.pipeline import evaluate_on_test

UNKNOWN_TRAINING = (
    "Trained elsewhere, on images that are not known here. If test images were among them, the "
    "figures flatter; and what is said of training below holds only if it was on this dataset."
)
UNKNOWN_ORDER = (
    "That its outputs are in the order of the classes is taken on trust; a file does not say."
)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What has to be put around a network that does not map pixels 0–255 to probabilities.

    The network gets (pixels × rescale − mean) / std, in the order and the units of Keras's
    ImageDataGenerator (`standardize`); `mean` and `std` have one value, or one per channel.
    `logits`: its outputs get a softmax.
    """

    rescale: float = 1.0
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    logits: bool = False


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
) -> Bundle:
    """Check the network in a .keras or .h5 file and write it as a bundle, not yet evaluated.

    An older bundle of the same slug is replaced, and the version raised. Raises NetworkError, and
    BundleError where the description is not one that a bundle can have.
    """
    network = load_network(path)
    size, channels = _input(network)
    _check_width(network, dataset)
    network = _scaled(network, preparation, size, channels)
    _check_outputs(network, preparation, size, channels)
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
        ),
        "reported": None,
        "intended_use": dataset.intended_use,
        "limitations": (UNKNOWN_TRAINING, UNKNOWN_ORDER, *dataset.limitations),
    }
    if preparation.logits:
        softmax = keras.layers.Softmax(dtype="float32", name="probabilities")
        network = keras.Sequential([network, softmax])
    return write_bundle(models_dir, network, values)


def evaluate_if_data_is_there(bundle: Bundle, data_root: Path) -> Evaluation | None:
    """Evaluate on the dataset's test split; None where its file is absent: nothing is downloaded.

    Raises DataError where the file cannot be read.
    """
    if not (data_root / source_of(bundle.dataset, bundle.input_size).file_name).exists():
        return None
    return evaluate_on_test(bundle, data_root)


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


def _check_width(network: Any, dataset: Dataset) -> None:
    count = len(dataset.classes)
    match network.output_shape:
        case (None, width) if width == count:
            return
        case (None, int(width)):
            gives = f"{width} {'value' if width == 1 else 'values'} per image"
        case shape:
            gives = str(shape)
    raise NetworkError(
        f"The network gives {gives}, {dataset.title} has {count} classes: "
        f"{'; '.join(dataset.labels)}. It has to give one value for each, in this order."
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


def _check_outputs(network: Any, preparation: Preparation, size: int, channels: int) -> None:
    outputs = probe(network, size, channels)
    if not np.isfinite(outputs).all():
        raise NetworkError("The network gives values that are no numbers: its weights are damaged.")
    if are_probabilities(outputs) == preparation.logits:
        raise NetworkError(
            "The network gives probabilities, not logits: leave out --logits."
            if preparation.logits
            else "The network does not give probabilities: its outputs for one image are from "
            f"{outputs.min():.3g} to {outputs.max():.3g} and sum to {outputs.sum():.3g}. If these "
            "are logits, the outputs before a softmax, add --logits."
        )
