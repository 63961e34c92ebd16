"""Fixtures for all tests."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from classifier import tasks
from classifier.web.views import classify
from tests.factories import UserFactory
from tests.postgres import Server, running_server
from tests.processes.stack import Stack, running_stack


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    """No test touches the installation's files, and pages need no collected static files."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ADAPTED_MODELS_DIR = tmp_path / "adapted_models"
    settings.OWN_DATASETS_DIR = tmp_path / "own_datasets"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    """The real hash is slow on purpose, which is of use to nobody here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def impatient_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs, so what is waited for would never come."""
    monkeypatch.setattr(classify, "PATIENCE_SECONDS", 0)


@pytest.fixture(autouse=True)
def no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no broker to ask but in tests/processes, whose processes have their own."""
    monkeypatch.setattr(tasks, "messages_waiting", lambda: 0)


@pytest.fixture
def user(db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def other_user(db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def staff(db: None) -> User:
    return UserFactory.create(is_staff=True, is_superuser=True)


@pytest.fixture
def groups(db: None) -> None:
    """As the migration made them; tests that empty the whole database leave none."""
    migration = importlib.import_module("classifier.migrations.0020_audit_and_roles")
    migration.make_roles(apps, SimpleNamespace(connection=connection))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The application as `make run` serves it, on real models, for tests that leave it whole."""
    names = ("broker", "web", "worker", "beat")
    here = {"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    with running_stack(tmp_path_factory.mktemp("stack"), *names, **here) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server, whatever database the other tests run on."""
    with running_server() as server:
        yield server


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Slugs for which a task was queued; a real broker is tried in tests/processes."""
    slugs: list[str] = []
    monkeypatch.setattr(tasks.run_predictions, "delay", slugs.append)
    return slugs
