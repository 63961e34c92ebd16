"""What the tests of the pages share."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.web import health
from tests.factories import TrainedModelFactory


@pytest.fixture
def model(db: None) -> TrainedModel:
    return TrainedModelFactory.create(slug="blood", title="Blood model", is_recommended=True)


@pytest.fixture
def page(client: Client, user: User) -> Client:
    """A client that is signed in as `user`."""
    client.force_login(user)
    return client


@pytest.fixture(autouse=True)
def queue_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the pages run without a broker; those of the health check put their own in."""
    monkeypatch.setattr(health, "queue_trouble", lambda: "")


@pytest.fixture(autouse=True)
def no_broker(rung: list[str]) -> None:
    """These tests run without one."""


def stored_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def assert_nothing_stored() -> None:
    assert not ImageUpload.objects.exists()
    assert not Prediction.objects.exists()
    assert not stored_files()
