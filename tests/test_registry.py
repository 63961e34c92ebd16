"""Datasets as declared, and which bundles are found sound."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classifier import registry
from classifier.registry import BundleError, datasets, discover, load_bundle
from tests.factories import evaluation_of, metadata_of

WEIGHTS = b"weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def bundle_path(tmp_path: Path) -> Path:
    """A sound bundle, but for its weights, which no network could load."""
    path = tmp_path / "blood-test"
    path.mkdir()
    metadata = metadata_of(slug=path.name, dataset="bloodmnist", sha256=SHA256)
    evaluation = evaluation_of(metadata["classes"]) | {"weights_sha256": SHA256}
    (path / "model.keras").write_bytes(WEIGHTS)
    (path / registry.METADATA_FILE).write_text(json.dumps(metadata))
    (path / registry.EVALUATION_FILE).write_text(json.dumps(evaluation))
    return path


def change(path: Path, edit: Change) -> None:
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


def problems_of(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    assert caught.value.slug == path.name
    return " ".join(caught.value.problems)


def test_index_zero_of_the_breast_images_is_malignant() -> None:
    breast = datasets()["breastmnist"]
    assert breast.labels == ("malignant", "normal, benign")
    assert breast.positive_class == "malignant"
    assert breast.channels == 1


def test_blood_classes_are_in_medmnists_order() -> None:
    blood = datasets()["bloodmnist"]
    assert [label[:3] for label in blood.labels] == [
        "bas",
        "eos",
        "ery",
        "imm",
        "lym",
        "mon",
        "neu",
        "pla",
    ]
    assert blood.source_frame == registry.SourceFrame(width=360, height=363, crop=200)


def test_class_labels_are_medmnists(capsys: pytest.CaptureFixture[str]) -> None:
    from classifier.training.data import medmnist_table

    for slug, dataset in datasets().items():
        named = medmnist_table()[slug]["label"]
        assert isinstance(named, dict)
        assert [name.split("(")[0] for name in named.values()] == list(dataset.labels)
    assert capsys.readouterr().out == ""


def test_every_class_has_a_gloss_and_every_dataset_its_origin() -> None:
    for dataset in datasets().values():
        assert all(each.gloss for each in dataset.classes)
        assert dataset.licence == "CC BY 4.0"
        assert dataset.citation
        assert dataset.source_note
        assert "not for diagnosis" in dataset.intended_use


def test_a_sound_bundle_gives_what_the_application_asks(bundle_path: Path) -> None:
    bundle = load_bundle(bundle_path)
    assert (bundle.slug, bundle.version, bundle.sha256) == ("blood-test", 1, SHA256)
    assert (bundle.input_size, bundle.channels, len(bundle.classes)) == (28, 3, 8)
    assert bundle.dataset is datasets()["bloodmnist"]
    assert bundle.weights_path == bundle_path / "model.keras"
    assert bundle.evaluation is not None


@pytest.mark.parametrize(
    "key", ["slug", "classes", "input", "weights", "recommended", "parameters"]
)
def test_a_missing_key_is_named(bundle_path: Path, key: str) -> None:
    change(bundle_path / registry.METADATA_FILE, lambda values: values.pop(key))
    assert key in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda values: values.update(classes=values["classes"][::-1]), "classes are not those"),
        (lambda values: values.update(dataset="pathmnist"), "'pathmnist' is not known"),
        (lambda values: values.update(slug="other"), "not the folder's name"),
        (lambda values: values.update(schema_version=2), "schema_version is 2"),
        (lambda values: values.update(version="1"), "version in metadata.json has the wrong type"),
        (lambda values: values["weights"].update(file="../model.keras"), "not inside the bundle"),
        (lambda values: values["weights"].update(file="/etc/passwd"), "not inside the bundle"),
        (lambda values: values["weights"].update(file="other.keras"), "is missing"),
        (lambda values: values["weights"].update(sha256="0" * 64), "checksum"),
    ],
)
def test_wrong_metadata_are_named(bundle_path: Path, edit: Change, sentence: str) -> None:
    change(bundle_path / registry.METADATA_FILE, edit)
    assert sentence in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda values: values["per_class"].pop(), "class labels in evaluation.json"),
        (lambda values: values["confusion_matrix"].pop(), "not 8 by 8"),
        (lambda values: values.pop("auc"), "lacks auc"),
        (lambda values: values.update(weights_sha256="1" * 64), "about other weights"),
    ],
)
def test_a_wrong_evaluation_is_named(bundle_path: Path, edit: Change, sentence: str) -> None:
    change(bundle_path / registry.EVALUATION_FILE, edit)
    assert sentence in problems_of(bundle_path)


def test_a_link_out_of_the_folder_is_refused(bundle_path: Path) -> None:
    outside = bundle_path.parent / "outside.keras"
    (bundle_path / "model.keras").rename(outside)
    (bundle_path / "model.keras").symlink_to(outside)
    assert "not inside the bundle" in problems_of(bundle_path)


def test_the_evaluation_may_be_absent_only_where_that_is_asked_for(bundle_path: Path) -> None:
    (bundle_path / registry.EVALUATION_FILE).unlink()
    assert "evaluation.json is missing" in problems_of(bundle_path)
    assert load_bundle(bundle_path, require_evaluation=False).evaluation is None


@pytest.mark.parametrize("text", ["", "{", "[]", "\ufeff{}"])
def test_metadata_that_are_no_object_are_named(bundle_path: Path, text: str) -> None:
    (bundle_path / registry.METADATA_FILE).write_text(text)
    assert "metadata.json" in problems_of(bundle_path)


def test_a_broken_bundle_is_left_out_and_the_others_serve(bundle_path: Path) -> None:
    broken = bundle_path.with_name("broken")
    shutil.copytree(bundle_path, broken)
    (broken / "model.keras").write_bytes(b"damaged")
    shutil.copytree(bundle_path, bundle_path.with_name(".blood-test.partial"))
    (bundle_path.parent / "README.md").write_text("Not a bundle.")

    found = discover(bundle_path.parent)

    assert found.slugs == ("blood-test",)
    assert [error.slug for error in found.errors] == ["broken"]
    assert "broken: " in str(found.errors[0])


def test_no_models_folder_means_no_models(tmp_path: Path) -> None:
    assert discover(tmp_path / "absent") == registry.Discovery((), ())
