"""Bundles on disk and their rows in the database."""

import json
import shutil
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import call_command
from pytest_django import Settings

from classifier import catalogue, checks
from classifier.models import TrainedModel

pytestmark = pytest.mark.django_db

BLOOD, BREAST = "blood-compact", "breast-compact"


@pytest.fixture
def models_dir(settings: Settings, tmp_path: Path) -> Path:
    """A copy of the shipped bundles, to be broken."""
    copied = tmp_path / "models"
    shutil.copytree(project.MODELS_DIR, copied)
    settings.MODELS_DIR = copied
    return copied


def test_the_shipped_bundles_are_all_in_order() -> None:
    loaded = catalogue.load_bundles()
    assert loaded.errors == ()
    assert all(bundle.metadata.weights.versions for bundle in loaded.bundles)
    assert {BLOOD, BREAST} <= set(TrainedModel.objects.active().values_list("slug", flat=True))


@pytest.mark.parametrize("dataset", ["bloodmnist", "breastmnist"])
def test_each_dataset_has_one_recommended_model(dataset: str) -> None:
    catalogue.load_bundles()
    assert TrainedModel.objects.filter(dataset=dataset, is_recommended=True).count() == 1


def test_a_broken_bundle_is_named_and_the_rest_serve(models_dir: Path) -> None:
    (models_dir / BLOOD / "model.keras").write_bytes(b"not the weights")
    loaded = catalogue.load_bundles()
    [error] = loaded.errors
    assert error.slug == BLOOD
    assert not TrainedModel.objects.active().filter(slug=BLOOD).exists()
    assert TrainedModel.objects.active().filter(slug=BREAST).exists()
    [warning] = checks.check_bundles()
    assert BLOOD in warning.msg


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_bundles_broken_in_every_way_are_named_and_the_rest_serve(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each copy is broken in one way; none keeps the others from being served."""
    broken = {
        "cut-off": lambda path: (path / "metadata.json").write_text('{"slug": "cut-o'),
        "empty": lambda path: shutil.rmtree(path) or path.mkdir(),
        "lacks-classes": lambda path: edit(path / "metadata.json", classes=None),
        "other-order": lambda path: edit(path / "metadata.json", classes=["platelet"]),
        "not-evaluated": lambda path: (path / "evaluation.json").unlink(),
        "other-weights": lambda path: (path / "model.keras").write_bytes(b"others"),
        "no-weights": lambda path: (path / "model.keras").unlink(),
        "unlisted-version": lambda path: edit(path / "metadata.json", version=99),
    }
    shipped = {path.name for path in models_dir.iterdir() if path.is_dir()}
    for slug, damage in broken.items():
        shutil.copytree(models_dir / BREAST, models_dir / slug)
        edit(models_dir / slug / "metadata.json", slug=slug)
        damage(models_dir / slug)

    call_command("load_bundles")
    said = capsys.readouterr()
    assert all(f"Left out: {slug}: " in said.err for slug in broken)
    assert set(TrainedModel.objects.active().values_list("slug", flat=True)) == shipped

    call_command("check")
    warned = capsys.readouterr().err
    assert all(f"(classifier.W001) {slug}: " in warned for slug in broken)


def test_other_weights_under_a_registered_version_are_refused(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue.load_bundles()
    version = TrainedModel.objects.get(slug=BLOOD).version
    TrainedModel.objects.filter(slug=BLOOD).update(sha256="0" * 64)

    call_command("load_bundles")

    said = capsys.readouterr()
    assert f"Left out: {BLOOD}: Version {version} is registered here with other weights" in said.err
    assert f"raise the version to {version + 1}" in said.err
    assert TrainedModel.objects.active().filter(slug=BREAST).exists()
    kept = TrainedModel.objects.get(slug=BLOOD)
    assert (kept.is_installed, kept.sha256) == (False, "0" * 64)


def test_weights_of_a_raised_version_are_taken(models_dir: Path) -> None:
    catalogue.load_bundles()
    version = TrainedModel.objects.get(slug=BLOOD).version
    TrainedModel.objects.filter(slug=BLOOD).update(sha256="0" * 64, version=version - 1)
    assert catalogue.load_bundles().errors == ()
    assert TrainedModel.objects.get(slug=BLOOD).version == version


def test_a_bundle_that_goes_away_and_returns_keeps_its_switch(models_dir: Path) -> None:
    catalogue.load_bundles()
    TrainedModel.objects.filter(slug=BLOOD).update(is_active=False)
    (models_dir / BLOOD).rename(models_dir / f".{BLOOD}")
    catalogue.load_bundles()
    assert not TrainedModel.objects.get(slug=BLOOD).is_installed
    (models_dir / f".{BLOOD}").rename(models_dir / BLOOD)
    catalogue.load_bundles()
    returned = TrainedModel.objects.get(slug=BLOOD)
    assert (returned.is_installed, returned.is_active) == (True, False)
