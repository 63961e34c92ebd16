"""From a data file to a bundle with figures, and what a cut-off export leaves behind."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from classifier.bundles.registry import Bundle, BundleError, discover, load_bundle
from classifier.bundles.schema import CrossValidation, Metadata, TrainingData
from classifier.datasets import DATASETS_DIR, datasets
from classifier.evaluation.evaluate import evaluate_bundle
from classifier.networks.checks import network_problems
from classifier.training import export
from classifier.training.pipeline import record_cross_validation, record_evaluation
from classifier.training.trainer import TrainedNetwork, train
from tests.factories import curves_of
from tests.training import synthetic

DATA = TrainingData(file="breastmnist.npz", sha256="0" * 64, train=32, validation=16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    parts = synthetic.split(32, 0), synthetic.split(16, 1)
    return train(synthetic.recipe(1), 2, *parts, tmp_path_factory.mktemp("run"))


def write(models_dir: Path, trained: TrainedNetwork) -> Bundle:
    dataset = datasets()["breastmnist"]
    return export.export_bundle(models_dir, synthetic.recipe(1), dataset, trained, DATA)


def write_evaluated(models_dir: Path, trained: TrainedNetwork) -> Bundle:
    bundle = write(models_dir, trained)
    evaluation = evaluate_bundle(bundle, synthetic.write_data_file(models_dir.parent / "data"))
    record_evaluation(bundle, evaluation)
    return load_bundle(bundle.path)


def test_a_bundle_has_all_its_files_and_is_sound(tmp_path: Path, trained: TrainedNetwork) -> None:
    bundle = write_evaluated(tmp_path / "models", trained)
    names = {path.name for path in bundle.path.iterdir()}
    assert names == {
        "model.keras",
        "metadata.json",
        "evaluation.json",
        "history.csv",
        "README.md",
        "confusion.svg",
    }
    assert network_problems(bundle) == []
    assert discover(tmp_path / "models").slugs == (bundle.slug,)


def test_the_network_loads_with_nothing_custom(tmp_path: Path, trained: TrainedNetwork) -> None:
    bundle = write(tmp_path, trained)
    network = keras.models.load_model(bundle.weights_path, compile=False)
    images = synthetic.split(5, 3).images
    expected = np.asarray(trained.network(images))
    np.testing.assert_allclose(np.asarray(network(images)), expected, atol=1e-6)
    names = {type(layer).__name__ for layer in network.layers}
    assert not {name for name in names if name.startswith("Random")}


def test_the_card_tells_figures_origin_and_limits(tmp_path: Path, trained: TrainedNetwork) -> None:
    bundle = write_evaluated(tmp_path / "models", trained)
    card = (bundle.path / "README.md").read_text()
    for passage in ("not for diagnosis", "n = 48", "95 %", bundle.dataset.source_note):
        assert passage in card
    assert all(limitation in card for limitation in bundle.dataset.limitations)
    assert str(tmp_path) not in card


def test_the_history_has_a_line_per_epoch(tmp_path: Path, trained: TrainedNetwork) -> None:
    with (write(tmp_path, trained).path / "history.csv").open() as stream:
        (line,) = csv.DictReader(stream)
    assert float(line["val_loss"]) == trained.history[0].val_loss


def test_writing_again_raises_the_version(tmp_path: Path, trained: TrainedNetwork) -> None:
    first = write_evaluated(tmp_path, trained)
    assert first.version == 1
    again = write(tmp_path, trained)
    assert again.version == 2
    assert again.evaluation is None
    assert again.metadata.weights.versions == {"1": first.sha256, "2": again.sha256}


def test_a_broken_bundle_does_not_set_the_version_back(
    tmp_path: Path, trained: TrainedNetwork
) -> None:
    write(tmp_path, trained).weights_path.write_bytes(b"damaged")
    assert write(tmp_path, trained).version == 2


def test_a_cut_off_export_leaves_the_old_bundle(
    tmp_path: Path, trained: TrainedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_evaluated(tmp_path / "models", trained)

    def cut_off(bundle: Bundle) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(export, "write_card", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "models", trained)

    found = discover(tmp_path / "models")
    assert [bundle.version for bundle in found.bundles] == [1]
    assert found.errors == ()
    assert write(tmp_path / "models", trained).version == 2


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("input", {"size": 9, "channels": 1}, "takes"),
        ("input", {"size": 8, "channels": 3}, "takes"),
        ("parameters", 1, "parameters"),
    ],
)
def test_a_network_unlike_its_metadata_is_named(
    tmp_path: Path, trained: TrainedNetwork, key: str, value: object, sentence: str
) -> None:
    bundle = write(tmp_path, trained)
    metadata = Metadata.model_validate(bundle.metadata.as_json() | {key: value})
    claimed = Bundle(bundle.path, metadata, None)
    assert sentence in " ".join(network_problems(claimed))


def test_weights_that_keras_cannot_read_are_named(tmp_path: Path, trained: TrainedNetwork) -> None:
    bundle = write(tmp_path, trained)
    bundle.weights_path.write_bytes(b"damaged")
    assert "Keras cannot load" in network_problems(bundle)[0]


@pytest.fixture
def folders(tmp_path: Path, settings: Settings) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDMNIST_ROOT = tmp_path / "data"
    return tmp_path


def test_the_commands_make_a_new_model_without_code(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = synthetic.write_data_file(folders / "data")
    options = ["--dataset=breastmnist", "--architecture=compact_resnet", "--size=8", "--epochs=1"]
    call_command("train_model", "own-model", *options)
    with pytest.raises(SystemExit):
        call_command("verify_bundles")
    assert "evaluation.json is missing" in capsys.readouterr().out

    call_command("evaluate_model", "own-model")
    call_command("verify_bundles")
    printed = capsys.readouterr()
    assert "own-model: sound" in printed.out
    assert "own-model: test images" in printed.err
    assert "48/48" in printed.err
    evaluation = json.loads((folders / "models/own-model/evaluation.json").read_text())
    assert evaluation["data"]["file"] == "breastmnist.npz"
    assert evaluation["operating_point"]["positive"] == "malignant"
    assert "own-model/README.md" in (folders / "models/README.md").read_text()
    assert not (folders / "var/training/own-model").exists()

    before = (folders / "models/own-model/evaluation.json").read_bytes()
    call_command("evaluate_model", "own-model", "--data", str(data))
    assert json.loads(capsys.readouterr().out)["n"] == 48
    assert (folders / "models/own-model/evaluation.json").read_bytes() == before


def test_a_dataset_of_ones_own_needs_no_code(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the folder of datasets and one in MedMNIST's layout, under a name unknown there."""
    known = json.loads((DATASETS_DIR / "breastmnist.json").read_text())
    own = known | {"slug": "halves", "title": "Halves", "positive_class": None}
    (folders / "datasets").mkdir()
    (folders / "datasets/halves.json").write_text(json.dumps(own))
    monkeypatch.setattr("classifier.datasets.DATASETS_DIR", folders / "datasets")
    options = ["--dataset=halves", "--architecture=compact_resnet", "--size=8", "--epochs=1"]
    with pytest.raises(CommandError, match=r"halves\.npz is not in .* Put it there"):
        call_command("fetch_data", "halves")
    synthetic.write_data_file(folders / "data").rename(folders / "data/halves.npz")
    call_command("train_model", "own-halves", *options)
    call_command("evaluate_model", "own-halves")
    assert '"is_medmnist_file": false' in capsys.readouterr().out
    assert discover(folders / "models").slugs == ("own-halves",)


def test_a_recorded_cross_validation_outlives_another_evaluation(
    tmp_path: Path, trained: TrainedNetwork
) -> None:
    found = CrossValidation.model_validate(curves_of(["malignant"])["cross_validation"])
    bundle = write(tmp_path / "models", trained)
    with pytest.raises(BundleError, match="run evaluate_model"):
        record_cross_validation(bundle, found)
    evaluated = write_evaluated(tmp_path / "models", trained)
    assert evaluated.evaluation is not None
    record_cross_validation(evaluated, found)
    recorded = load_bundle(evaluated.path)
    assert recorded.evaluation is not None
    assert recorded.evaluation.cross_validation == found
    record_evaluation(recorded, evaluated.evaluation)
    assert load_bundle(evaluated.path).evaluation == recorded.evaluation
    assert "In 5-fold cross-validation" in (evaluated.path / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cross_validate", "breast-compact", "--record", "--epochs=1"], "are not the bundle's"),
        (["cross_validate", "unheard-of", "--record"], "metadata.json is missing"),
        (["train_model", "unheard-of"], "needs --dataset and --architecture"),
        (["train_model", "../escape"], "small letters"),
        (["train_model", "x", "--dataset=y", "--architecture=compact_resnet"], "no dataset 'y'"),
        (["train_model", "x", "--dataset=breastmnist", "--architecture=y"], "no architecture 'y'"),
        (["evaluate_model", "unheard-of"], "metadata.json is missing"),
        (["fetch_data", "unheard-of"], "no dataset 'unheard-of'"),
    ],
)
def test_what_cannot_be_done_is_said_plainly(
    folders: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command(*arguments)
