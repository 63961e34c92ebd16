"""Everything that is measured of a bundle, on the test split of its dataset."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from classifier.bundles.registry import Bundle
from classifier.bundles.schema import DataFile, Evaluation
from classifier.bundles.writing import data_file
from classifier.datasets.medmnist import Split, SplitName, load_split
from classifier.datasets.near_duplicates import has_near_duplicate
from classifier.evaluation import metrics
from classifier.evaluation.batch_predict import Listener, ignore, predict
from classifier.evaluation.curves import operating_point, reliability, roc
from classifier.evaluation.intervals import proportion
from classifier.evaluation.scores import Flags, Scores
from classifier.evaluation.selective import SelectiveClassifier, measured_limits


def evaluate(
    scores: Scores,
    names: Sequence[str],
    *,
    weights_sha256: str,
    data: DataFile,
    positive: str | None = None,
    validation: Scores | None = None,
) -> Evaluation:
    """Every metric of a test split; `names` are the class labels in index order.

    With a `positive` class and the scores of the `validation` split there is also an operating
    point, whose threshold is chosen on validation.
    """
    labels, probabilities = scores.labels, scores.probabilities
    matrix = metrics.confusion_matrix(labels, probabilities)
    rows = metrics.per_class(matrix, names)
    evaluation = Evaluation(
        split="test",
        n=len(labels),
        accuracy=metrics.accuracy(matrix),
        auc=metrics.auc(labels, probabilities),
        balanced_accuracy=metrics.balanced_accuracy(matrix),
        per_class=rows,
        macro_avg=metrics.average(rows, np.ones(len(rows))),
        weighted_avg=metrics.average(rows, matrix.sum(axis=1)),
        confusion_matrix=tuple(map(tuple, matrix.tolist())),
        ece=metrics.expected_calibration_error(labels, probabilities),
        brier=metrics.brier_score(labels, probabilities),
        intervals=metrics.intervals(labels, probabilities, matrix),
        reliability=reliability(labels, probabilities),
        roc=roc(labels, probabilities, names, positive),
        weights_sha256=weights_sha256,
        data=data,
    )
    if not (positive and validation):
        return evaluation
    point = operating_point(scores, validation, names, positive)
    return evaluation.model_copy(update={"operating_point": point} if point else {})


def evaluate_bundle(
    bundle: Bundle, path: Path, *, with_limits: bool = True, listener: Listener = ignore
) -> Evaluation:
    """Measure a bundle on the test split of a data file in MedMNIST's layout.

    Where the dataset has a positive class, the scores that the bundle was calibrated with fix the
    threshold of the operating point, or else those of the file's validation split. To measure the
    bundle's limits, where it has any, takes some twenty times as long as the rest; `listener` hears
    how far that is. Raises DataError when the file cannot be read.
    """
    network = keras.models.load_model(bundle.weights_path, compile=False)
    positive = bundle.dataset.positive_class
    test = _split(bundle, path, "test")
    probabilities = predict(network, test.images, which="test images", listener=listener)
    evaluation = evaluate(
        Scores(probabilities, test.labels),
        bundle.classes,
        weights_sha256=bundle.sha256,
        data=data_file(path, bundle.dataset, bundle.input_size),
        positive=positive,
        validation=_held_out(bundle, network, path) if positive else None,
    )
    further: dict[str, object] = {}
    has_twin = _has_twin(bundle, path, test)
    if has_twin.any():
        right = probabilities.argmax(axis=1) == test.labels
        further["without_twins"] = proportion(right[~has_twin])
    if bundle.limits_path and with_limits:
        classifier = SelectiveClassifier(bundle, network, listener)
        further["uncertainty"] = measured_limits(classifier, test, path.parent)
    return evaluation.model_copy(update=further)


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
    if bundle.limits_path:
        return Scores.read(bundle.limits_path)
    split = _split(bundle, path, "val")
    return Scores(predict(network, split.images), split.labels)


def _has_twin(bundle: Bundle, path: Path, test: Split) -> Flags:
    """Which test images show something that training or validation images show too."""
    seen = np.concatenate([_split(bundle, path, name).images for name in ("train", "val")])
    return has_near_duplicate(test.images, seen, bundle.dataset.near_duplicate_correlation)
