"""A program with a token, and a model that it may ask."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from rest_framework.test import APIClient

from classifier import tasks
from classifier.models import ApiToken, TrainedModel
from tests.factories import TrainedModelFactory


@pytest.fixture(autouse=True)
def no_broker(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests run without one."""
    monkeypatch.setattr(tasks.run_validations, "delay", lambda: None)
    monkeypatch.setattr(tasks.run_adaptations, "delay", lambda: None)


@pytest.fixture(autouse=True)
def kept_connection() -> Iterator[None]:
    """Drawn requests call the application itself, which would close the test's own connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def client_of(user: User) -> APIClient:
    _, secret = ApiToken.objects.issue(user, name="test")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return client


@pytest.fixture
def api(user: User) -> APIClient:
    return client_of(user)


@pytest.fixture
def signed_in(user: User) -> APIClient:
    """The person in a browser, who may do what no token may."""
    client = APIClient()
    client.force_login(user)
    return client


@pytest.fixture
def trained_model(db: None) -> TrainedModel:
    return TrainedModelFactory.create(slug="blood")


@pytest.fixture
def client_of_staff(staff: User) -> APIClient:
    return client_of(staff)
