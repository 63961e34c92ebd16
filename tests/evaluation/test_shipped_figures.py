"""The figures that are shown are those of the weights that are shipped. Needs the real data.

`make test` leaves these out where MEDMNIST_ROOT holds no data; elsewhere a missing file fails.
"""

from pathlib import Path

import keras
import pytest
from django.conf import settings

from classifier.bundles.registry import Bundle, load_bundle
from classifier.bundles.schema import Evaluation, LimitsAtHome, MeasuredProportion
from classifier.datasets.medmnist import Split, load_split
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.evaluate import evaluate_scores
from classifier.evaluation.selective import SelectiveClassifier, limits_at_home

pytestmark = pytest.mark.data

BUNDLES = sorted(path.parent for path in Path(settings.MODELS_DIR).glob("*/metadata.json"))


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_evaluation_is_what_the_weights_give(folder: Path) -> None:
    bundle = load_bundle(folder)
    stored = bundle.evaluation
    assert stored is not None
    measured, limits = measure(bundle, settings.MEDMNIST_ROOT / stored.data.file)
    assert measured.n == stored.n
    # Another processor may round differently, and one image may then change sides.
    assert measured.accuracy == pytest.approx(stored.accuracy, abs=1.5 / stored.n)
    assert measured.auc == pytest.approx(stored.auc, abs=0.002)
    assert measured.without_twins == about(stored.without_twins)
    if limits is None:
        assert stored.uncertainty is None
        return
    assert stored.uncertainty is not None
    for name in ("coverage", "acceptance", "flagged", "errors_flagged"):
        assert getattr(limits, name) == about(getattr(stored.uncertainty, name)), name
    for row, other in zip(limits.per_class, stored.uncertainty.per_class, strict=True):
        assert row == about(other)
    assert limits.set_size.mean == pytest.approx(stored.uncertainty.set_size.mean, abs=0.01)


def measure(bundle: Bundle, path: Path) -> tuple[Evaluation, LimitsAtHome | None]:
    """Everything that one pass over the test images gives."""
    network = keras.models.load_model(bundle.weights_path, compile=False)
    test: Split = load_split(
        path,
        "test",
        size=bundle.input_size,
        channels=bundle.channels,
        classes=len(bundle.classes),
    )
    if bundle.limits_path is None:
        probabilities = predict(network, test.images)
        return evaluate_scores(bundle, network, path, test, probabilities), None
    classifier = SelectiveClassifier(bundle, network)
    home = classifier.answers(test.images, "test images")
    limits = limits_at_home(home, test.labels, classifier.description, bundle.classes)
    return evaluate_scores(bundle, network, path, test, home.probabilities), limits


class about:
    """Equal to a measured proportion but for two images that changed sides."""

    def __init__(self, stored: MeasuredProportion | None) -> None:
        self.stored = stored

    def __eq__(self, measured: object) -> bool:
        if self.stored is None or self.stored.share is None:
            return measured is None or getattr(measured, "share", 0) is None
        assert isinstance(measured, MeasuredProportion)
        assert measured.share is not None
        gap = measured.share * measured.n - self.stored.share * self.stored.n
        return abs(measured.n - self.stored.n) <= 2 and abs(gap) <= 2

    def __hash__(self) -> int:
        return hash(self.stored)

    def __repr__(self) -> str:
        return f"about {self.stored}"
