"""Bundles on disk and their rows in the database."""

import shutil
from pathlib import Path

import pytest
from django.conf import settings as project
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
