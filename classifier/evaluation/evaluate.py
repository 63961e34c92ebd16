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
from classifier.evaluation.calibration import log_loss
from classifier.evaluation.curves import operating_point, reliability, roc
from classifier.evaluation.intervals import proportion
from classifier.evaluation.scores import Floats, Scores
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
        log_loss=log_loss(labels, probabilities),
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


def evaluate_bundle(bundle: Bundle, path: Path, *, listener: Listener = ignore) -> Evaluation:
    """Measure a bundle on the test split of a data file in MedMNIST's layout.

    Where the dataset has a positive class, the scores that the bundle was calibrated with fix the
    threshold of the operating point, or else those of the file's validation split. To measure the
    bundle's limits, where it has any, takes some twenty times as long as the rest; `listener` hears
    how far that is. Raises DataError when the file cannot be read.
    """
    network = keras.models.load_model(bundle.weights_path, compile=False)
    test = _split(bundle, path, "test")
    if bundle.limits_path is None:
        probabilities = predict(network, test.images, which="test images", listener=listener)
        return evaluate_scores(bundle, network, path, test, probabilities)
    classifier = SelectiveClassifier(bundle, network, listener)
    home = classifier.answers(test.images, "test images")
    limits = measured_limits(classifier, home, test, path.parent)
    evaluation = evaluate_scores(bundle, network, path, test, home.probabilities)
    return evaluation.model_copy(update={"uncertainty": limits})


def evaluate_scores(
    bundle: Bundle, network: keras.Model, path: Path, test: Split, probabilities: Floats
) -> Evaluation:
    """Everything but the limits, from the bundle's probabilities for the test split of a file."""
    positive = bundle.dataset.positive_class
    evaluation = evaluate(
        Scores(probabilities, test.labels),
        bundle.classes,
        weights_sha256=bundle.sha256,
        data=data_file(path, bundle.dataset, bundle.input_size),
        positive=positive,
        validation=_held_out(bundle, network, path) if positive else None,
    )
    seen = np.concatenate([_split(bundle, path, name).images for name in ("train", "val")])
    has_twin = has_near_duplicate(test.images, seen, bundle.dataset.near_duplicate_correlation)
    if not has_twin.any():
        return evaluation
    right = probabilities.argmax(axis=1) == test.labels
    return evaluation.model_copy(update={"without_twins": proportion(right[~has_twin])})


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
