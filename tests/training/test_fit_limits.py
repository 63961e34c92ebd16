"""From a trained network to a bundle that knows its limits, and what evaluation says of it."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings
from scipy.special import softmax

from classifier.bundles.registry import Bundle, load_bundle
from classifier.bundles.schema import TrainingData
from classifier.datasets import Dataset, datasets
from classifier.evaluation import calibration, selective
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.corruptions import corruptions
from classifier.evaluation.evaluate import evaluate_bundle
from classifier.evaluation.scores import Scores
from classifier.networks.checks import network_problems
from classifier.networks.contract import fold_temperature
from classifier.networks.limits import Limits, prediction_sets
from classifier.synthetic.ood_images import KINDS, ood_images
from classifier.training import export
from classifier.training.fit_limits import FittedLimits, calibrate_and_fit
from classifier.training.recipe import LimitSettings
from classifier.training.trainer import TrainedNetwork, train
from tests.training import synthetic

BREAST = datasets()["breastmnist"]
DATA = TrainingData(file="breastmnist.npz", sha256="0" * 64, train=200, validation=100)


def logits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a calibrated model, which says as much as it knows."""
    generator = np.random.default_rng(seed)
    values = generator.normal(0, 2, (count, 4))
    labels = [generator.choice(4, p=row) for row in softmax(values, axis=1)]
    return values, np.array(labels)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_overconfidence(factor: float) -> None:
    values, labels = logits(4000, 0)
    assert calibration.fit_temperature(factor * values, labels) == pytest.approx(factor, rel=0.1)


def test_probabilities_can_be_taken_back_to_another_temperature() -> None:
    values, _ = logits(20, 1)
    cooled = softmax(values / 3, axis=1)
    np.testing.assert_allclose(
        calibration.at_temperature(cooled, 1 / 3), softmax(values, axis=1), atol=1e-6
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    parts = synthetic.split(200, 0), synthetic.split(100, 1)
    return train(synthetic.recipe(2), 2, *parts, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def fitted(trained: TrainedNetwork) -> FittedLimits:
    parts = synthetic.split(200, 0), synthetic.split(100, 1)
    return calibrate_and_fit(trained.network, *parts, BREAST)


@pytest.fixture
def bundle(tmp_path: Path, trained: TrainedNetwork, fitted: FittedLimits) -> Bundle:
    models_dir = tmp_path / "models"
    return export.export_bundle(models_dir, synthetic.recipe(2), BREAST, trained, DATA, fitted)


def test_folding_the_temperature_changes_confidence_only(trained: TrainedNetwork) -> None:
    images = synthetic.split(20, 5).images
    network = keras.models.clone_model(trained.network)
    network.set_weights(trained.network.get_weights())
    before = predict(network, images)
    fold_temperature(network, 2.0)
    expected = calibration.at_temperature(before, 2.0)
    np.testing.assert_allclose(predict(network, images), expected, atol=1e-5)
    assert network.count_params() == trained.network.count_params()


def test_the_bundle_names_and_holds_its_uncertainty(bundle: Bundle) -> None:
    described = bundle.metadata.uncertainty
    assert described is not None
    assert (described.coverage, described.acceptance) == (0.95, 0.98)
    assert described.class_conditional
    assert described.held_out is not None
    assert described.held_out.log_loss <= described.held_out.log_loss_before
    assert network_problems(bundle) == []
    with np.load(bundle.path / described.file, allow_pickle=False) as stored:
        assert stored["thresholds"].shape == (2,)


def test_layers_that_the_network_lacks_are_named(bundle: Bundle) -> None:
    described = bundle.metadata.uncertainty
    assert described is not None
    for layers, word in ((("absent",), "absent"), ((), "features")):
        other = described.model_copy(update={"layers": layers})
        metadata = bundle.metadata.model_copy(update={"uncertainty": other})
        assert word in network_problems(Bundle(bundle.path, metadata, None))[0]


def test_scores_of_a_cross_validation_make_the_sets(trained: TrainedNetwork) -> None:
    network = keras.models.clone_model(trained.network)
    network.set_weights(trained.network.get_weights())
    unsure = Scores(np.full((60, 2), 0.5), np.repeat([0, 1], 30))
    parts = synthetic.split(200, 0), synthetic.split(100, 1)
    fitted = calibrate_and_fit(network, *parts, BREAST, held_out=unsure)
    assert prediction_sets(np.array([[0.5, 0.5]]), fitted.limits.thresholds).all()
    assert fitted.description["n"].scores == 60


def test_evaluation_says_how_well_the_model_knows_its_limits(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selective, "IMAGES_OF_A_KIND", 5)
    figures = evaluate_bundle(bundle, synthetic.write_data_file(bundle.path / "data"))
    section = figures.uncertainty
    assert section is not None
    assert section.coverage.n == section.set_size.n == section.calibration.n == 48
    assert [row.label for row in section.per_class] == list(BREAST.labels)
    assert [row.images for row in section.rejection] == list(KINDS)
    assert {row.n for row in section.rejection} == {5}
    assert {row.corruption for row in section.corruptions} == set(corruptions(BREAST.corruptions))
    graded = {row.images: row for row in section.graded}
    assert graded.keys() == {"test", *corruptions(BREAST.corruptions)}
    for row in graded.values():
        steps = [step.share for step in (row.accepted, row.unusual, row.unlike)]
        assert sum(share for share in steps if share) == pytest.approx(1)
        assert row.risk_coverage[-1][1] == pytest.approx(1 - (row.accuracy.share or 0), abs=1e-4)
    # The threshold was chosen on the images of the calibration, not on those of the file.
    assert figures.operating_point is not None
    assert figures.operating_point.validation.n == 100
    json.dumps(figures.as_json(), allow_nan=False)


def test_drawings_and_corruptions_are_the_same_every_time() -> None:
    for kind in KINDS:
        first, second = (list(ood_images(kind, 3)) for _ in range(2))
        assert [np.asarray(a).tobytes() for a in first] == [np.asarray(b).tobytes() for b in second]
        assert len({np.asarray(picture).tobytes() for picture in first}) == 3
        assert all(picture.mode == "RGB" for picture in first)


@pytest.mark.parametrize("dataset", datasets().values(), ids=lambda dataset: dataset.slug)
def test_a_corruption_changes_an_image_and_keeps_its_shape(dataset: Dataset) -> None:
    shape = (64, 64, dataset.channels)
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for name, corrupt in corruptions(dataset.corruptions).items():
        corrupted = corrupt(image)
        assert (corrupted.shape, corrupted.dtype) == (image.shape, np.uint8), name
        assert (corrupted != image).any(), name
        np.testing.assert_array_equal(corrupt(image), corrupted, name)


def test_the_command_gives_a_bundle_its_next_version(
    tmp_path: Path, settings: Settings, trained: TrainedNetwork
) -> None:
    settings.MODELS_DIR, settings.MEDMNIST_ROOT = tmp_path / "models", tmp_path / "data"
    synthetic.write_data_file(tmp_path / "data")
    export.export_bundle(settings.MODELS_DIR, synthetic.recipe(2), BREAST, trained, DATA)
    folder = settings.MODELS_DIR / "breast-synthetic"
    before = (folder / "model.keras").stat().st_size
    call_command(
        "fit_uncertainty",
        "breast-synthetic",
        "--coverage=0.9",
        "--acceptance=0.9",
        "--shifted",
        "--references=40",
        "--half-precision",
    )
    bundle = load_bundle(folder, require_evaluation=False)
    assert bundle.version == 2
    assert bundle.metadata.training.half_precision
    assert bundle.weights_path.stat().st_size < before
    assert bundle.limits_path is not None
    assert len(Limits.read(bundle.limits_path).reference) == 40
    assert bundle.metadata.uncertainty is not None
    assert bundle.metadata.uncertainty.coverage == 0.9
    assert bundle.metadata.uncertainty.acceptance == 0.9
    assert network_problems(bundle) == []


def test_fitting_again_undoes_what_was_fitted_before(
    tmp_path: Path, settings: Settings, trained: TrainedNetwork
) -> None:
    settings.MODELS_DIR, settings.MEDMNIST_ROOT = tmp_path / "models", tmp_path / "data"
    synthetic.write_data_file(tmp_path / "data")
    network = keras.models.clone_model(trained.network)
    network.set_weights(trained.network.get_weights())
    unsure = Scores(np.array([[0.6, 0.4], [0.6, 0.4], [0.7, 0.3]]), np.array([0, 0, 1]))
    parts = synthetic.split(200, 0), synthetic.split(100, 1)
    fitted = calibrate_and_fit(network, *parts, BREAST, held_out=unsure)
    calibrated = replace(trained, network=network)
    recipe = synthetic.recipe(2).changed(uncertainty=LimitSettings())
    export.export_bundle(settings.MODELS_DIR, recipe, BREAST, calibrated, DATA, fitted)
    call_command("fit_uncertainty", "breast-synthetic", "--coverage=0.9", "--acceptance=0.9")
    bundle = load_bundle(settings.MODELS_DIR / "breast-synthetic", require_evaluation=False)
    described = bundle.metadata.uncertainty
    assert described is not None
    assert described.temperature == pytest.approx(fitted.description["temperature"], rel=1e-4)
    assert described.n is not None
    assert described.n.scores == 3
    assert bundle.metadata.training.uncertainty == {
        "coverage": 0.9,
        "acceptance": 0.9,
        "folds": 0,
        "shifted": False,
        "references": 0,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["unheard-of"], "metadata.json is missing"),
        (["x", "--coverage=1.5"], "coverage lies between 0.5 and 1"),
        (["x", "--acceptance=0"], "acceptance lies between 0.5 and 1"),
        (["x", "--references=-1"], "references is 0 for all"),
    ],
)
def test_what_cannot_be_fitted_is_said_plainly(
    tmp_path: Path, settings: Settings, arguments: list[str], message: str
) -> None:
    settings.MODELS_DIR = tmp_path
    with pytest.raises(CommandError, match=message):
        call_command("fit_uncertainty", *arguments)
