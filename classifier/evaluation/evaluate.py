"""All figures of a bundle on its dataset's test split."""

from pathlib import Path
from typing import Any

import keras

from classifier.bundles.registry import Bundle
from classifier.datasets.medmnist import Split, SplitName, load_split
from classifier.evaluation import metrics as evaluation
from classifier.evaluation.batch_predict import Listener, nobody, predict
from classifier.evaluation.curves import Scores
from classifier.evaluation.selective import Doubter, uncertainty_figures


def evaluate_bundle(
    bundle: Bundle, path: Path, *, with_uncertainty: bool = True, listener: Listener = nobody
) -> dict[str, Any]:
    """Compute a bundle's figures on the test split of a data file in MedMNIST's layout.

    Where the dataset has a positive class, the scores that the bundle was calibrated with fix the
    threshold of the operating point, or else those of the file's validation split. The figures of
    the bundle's uncertainty, where it has any, take some twenty times as long as the others;
    `listener` hears how far they are. Raises DataError when the file cannot be read.
    """
    network = keras.models.load_model(bundle.weights_path, compile=False)
    positive = bundle.dataset.positive_class
    test = _split(bundle, path, "test")
    figures = evaluation.evaluate(
        test.labels,
        predict(network, test.images, which="test images", listener=listener),
        bundle.classes,
        positive=positive,
        validation=_held_out(bundle, network, path) if positive else None,
    )
    if bundle.uncertainty_path and with_uncertainty:
        doubter = Doubter(bundle, network, listener)
        figures["uncertainty"] = uncertainty_figures(doubter, test, path.parent)
    return {"split": "test"} | figures


def _split(bundle: Bundle, path: Path, name: SplitName) -> Split:
    return load_split(
        path,
        name,
        size=bundle.input_size,
        channels=bundle.channels,
        classes=len(bundle.classes),
    )


def _held_out(bundle: Bundle, network: keras.Model, path: Path) -> Scores:
    """The scores of images that are neither for training nor for testing."""
    if bundle.uncertainty_path:
        return Scores.read(bundle.uncertainty_path)
    split = _split(bundle, path, "val")
    return Scores(predict(network, split.images), split.labels)
