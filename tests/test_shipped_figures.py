"""The figures that are shown are those of the weights that are shipped. Needs the real data.

`make test` leaves these out where MEDMNIST_ROOT holds no data; elsewhere a missing file fails.
"""

from pathlib import Path

import pytest
from django.conf import settings

from classifier.bundles import registry
from classifier.evaluation.evaluate import evaluate_bundle

pytestmark = pytest.mark.data

BUNDLES = sorted(path.parent for path in Path(settings.MODELS_DIR).glob("*/metadata.json"))


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_evaluation_is_what_the_weights_give(folder: Path) -> None:
    bundle = registry.load_bundle(folder)
    stored = bundle.evaluation
    assert stored is not None
    measured = evaluate_bundle(bundle, settings.MEDMNIST_ROOT / stored.data.file, with_limits=False)
    assert measured.n == stored.n
    # Another processor may round differently, and one image may then change sides.
    assert measured.accuracy == pytest.approx(stored.accuracy, abs=1.5 / stored.n)
    assert measured.auc == pytest.approx(stored.auc, abs=0.002)
