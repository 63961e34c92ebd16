"""`manage.py setup`: the first administrator."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_static_root(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"


def run_setup() -> str:
    output = io.StringIO()
    call_command("setup", stdout=output)
    return output.getvalue()


def test_without_wishes_an_administrator_is_made_whose_password_is_shown_once() -> None:
    found = re.search(r"Administrator: admin +password: (\S+)", run_setup())
    assert found
    assert User.objects.get(username="admin").check_password(found[1])
    assert "password" not in run_setup()
    assert User.objects.count() == 1


def test_the_environment_names_the_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "USERNAME": "ada",
        "EMAIL": "ada@example.org",
        "PASSWORD": "s3cret-s",
    }.items():
        monkeypatch.setenv(f"DJANGO_SUPERUSER_{name}", value)
    assert "s3cret-s" not in run_setup()
    administrator = User.objects.get(username="ada")
    assert administrator.is_superuser
    assert administrator.check_password("s3cret-s")
    assert administrator.email == "ada@example.org"
