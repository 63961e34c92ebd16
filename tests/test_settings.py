"""The environment: what is read, and that the README names all of it."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from medclassifier import broker
from medclassifier import settings as project

# Read at the first start only, by `manage.py setup`, or by make.
READ_ELSEWHERE = {
    "DJANGO_SUPERUSER_USERNAME",
    "DJANGO_SUPERUSER_EMAIL",
    "DJANGO_SUPERUSER_PASSWORD",
    "HOST",
    "PORT",
}


def test_the_readme_lists_every_variable_and_no_other() -> None:
    readme = (settings.BASE_DIR / "README.md").read_text()
    table = readme.split("## Configuration")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    assert listed == project.ENVIRONMENT | READ_ELSEWHERE


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEBUG", "perhaps"), ("PREDICTION_BATCH_SIZE", "0"), ("PREDICTION_TIME_LIMIT", "a minute")],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str, tmp_path: Path) -> None:
    environment = {**os.environ, "VAR_DIR": str(tmp_path), name: value}
    answer = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode != 0
    assert f"{name} must be" in answer.stderr.splitlines()[-1]


def test_a_secret_is_read_from_the_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "mail"
    secret.write_text("known to few\n")
    monkeypatch.setenv("EMAIL_HOST_PASSWORD_FILE", str(secret))
    assert project.env_str("EMAIL_HOST_PASSWORD") == "known to few"
    secret.unlink()
    with pytest.raises(ImproperlyConfigured, match="EMAIL_HOST_PASSWORD_FILE cannot be read"):
        project.env_str("EMAIL_HOST_PASSWORD")


def test_containers_are_given_variables_that_there_are() -> None:
    services = yaml.safe_load((settings.BASE_DIR / "compose.yaml").read_text())["services"]
    ours = [each for each in services.values() if each["image"] == "medclassifier"]
    given = {name.removesuffix("_FILE") for each in ours for name in each["environment"]}
    assert len(ours) == 4
    assert given <= project.ENVIRONMENT | READ_ELSEWHERE
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in ours)


def test_the_secret_key_is_drawn_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    key = project.stored_secret_key(path)
    assert project.stored_secret_key(path) == key
    assert len(key) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_deep_folder_still_gets_a_socket_that_fits(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    path = broker.socket_path(deep)
    assert len(str(path)) <= broker.LONGEST_SOCKET_PATH
    assert path != broker.socket_path(tmp_path / ("deeper" * 30))
    assert broker.socket_path(Path("/srv/var")) == Path("/srv/var/redis.sock")


def test_what_the_application_writes_is_for_its_account_alone(tmp_path: Path) -> None:
    old = tmp_path / "var" / "readable-from-before"
    old.parent.mkdir(mode=0o755)
    old.touch(0o644)
    subprocess.run(
        [sys.executable, "manage.py", "setup"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "VAR_DIR": str(tmp_path / "var"), "DATABASE_URL": ""},
        capture_output=True,
        check=True,
        umask=0o022,
    )
    modes = {
        path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "var").rglob("*")
    }
    assert Path("var/db.sqlite3") in modes
    assert {path for path, mode in modes.items() if mode & 0o077} == set()
    assert stat.S_IMODE(old.parent.stat().st_mode) == 0o700


def test_a_directory_without_what_it_needs_is_refused_in_one_line(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "VAR_DIR": str(tmp_path), "LDAP_SERVER_URI": "ldap://localhost"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode != 0
    # The packages, or where they are there, the base.
    assert "LDAP_SERVER_URI needs" in answer.stderr.splitlines()[-1]
