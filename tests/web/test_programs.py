"""Tokens on the account pages, and the examples of the guide, which are run."""

import html
import io
import os
import re
import shlex
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from classifier.models import ApiToken, Batch, Prediction, Status, TrainedModel
from tests.factories import png

TOKENS = "/account/tokens/"


def test_a_new_token_is_shown_once_and_works(page: Client, client: Client, user: User) -> None:
    answer = page.post(TOKENS, {"name": "night run"}, follow=True)
    secret = re.search(r'class="secret"><code>([^<]+)', answer.content.decode())
    assert secret is not None
    headers = {"Authorization": f"Token {secret[1]}"}
    assert Client().get("/api/v1/me/", headers=headers).json()["username"] == user.username
    again = page.get(TOKENS).content.decode()
    assert secret[1] not in again
    assert "night run" in again


@pytest.mark.parametrize("name", ["", "n" * 81])
def test_a_token_without_a_fitting_name_is_not_made(page: Client, name: str) -> None:
    answer = page.post(TOKENS, {"name": name})
    assert answer.status_code == 400
    assert 'class="errorlist"' in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_a_token_is_made_as_it_was_chosen(page: Client, user: User) -> None:
    page.post(TOKENS, {"name": "reader", "scope": "read", "days": "30"})
    token = ApiToken.objects.get()
    assert token.scope == "read"
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=30)
    text = page.get(TOKENS).content.decode()
    assert "Read results · until" in text
    ApiToken.objects.update(expires_at=timezone.now())
    assert "Read results · expired" in page.get(TOKENS).content.decode()


@pytest.mark.parametrize("choice", [{"scope": "everything"}, {"days": "0"}, {"days": "x"}])
def test_a_token_is_not_made_of_a_choice_that_is_none(page: Client, choice: dict[str, str]) -> None:
    assert page.post(TOKENS, {"name": "odd", **choice}).status_code == 400
    assert not ApiToken.objects.exists()


def test_revoking_asks_first(page: Client, user: User) -> None:
    token, secret = ApiToken.objects.issue(user, name="old")
    assert "Revoke this token?" in page.get(f"{TOKENS}{token.pk}/revoke/").content.decode()
    assert ApiToken.objects.exists()
    answer = page.post(f"{TOKENS}{token.pk}/revoke/", follow=True)
    assert "was revoked" in answer.content.decode()
    headers = {"Authorization": f"Token {secret}"}
    assert Client().get("/api/v1/me/", headers=headers).status_code == 401


def test_other_peoples_tokens_are_not_there(page: Client, other_user: User) -> None:
    token, _ = ApiToken.objects.issue(other_user, name="secret plan")
    assert "secret plan" not in page.get(TOKENS).content.decode()
    assert page.post(f"{TOKENS}{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.exists()


@pytest.fixture
def quick_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(slug: str, times: int = 1) -> None:
        Prediction.objects.filter(status=Status.PENDING).update(
            status=Status.SUCCESS,
            predicted_label="monocyte",
            confidence=0.9,
            probabilities=[["monocyte", 0.9]],
            model_version=1,
            finished_at=timezone.now(),
        )

    monkeypatch.setattr("classifier.tasks.ring", answer)


@pytest.fixture
def examples(live_server: LiveServer, user: User, model: TrainedModel) -> dict[str, str]:
    """The guide as a person reads it at their own address."""
    browser = Client()
    browser.force_login(user)
    cookies = {"sessionid": browser.cookies["sessionid"].value}
    text = requests.get(f"{live_server.url}/guide/", cookies=cookies, timeout=10).text
    found = re.findall(r'<code data-example="([\w-]+)">(.*?)</code>', text, re.DOTALL)
    return {name: html.unescape(example) for name, example in found}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick_worker")
def test_every_example_runs_as_it_stands(
    examples: dict[str, str], user: User, tmp_path: Path, settings: object
) -> None:
    (tmp_path / "cell.png").write_bytes(png())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cell.png", png())
    (tmp_path / "scans.zip").write_bytes(buffer.getvalue())
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "cell.png").write_bytes(png())
    _, secret = ApiToken.objects.issue(user, name="guide")
    environment = {
        **os.environ,
        "MEDCLASSIFIER_TOKEN": secret,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    outputs = {}
    for name, example in examples.items():
        command = example if not name.startswith("python") else None
        answer = subprocess.run(
            ["bash", "-c", command or f"{shlex.quote(sys.executable)} -c {shlex.quote(example)}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, answer.stderr
        outputs[name] = answer.stdout
    assert outputs["python-prediction"] == "SUCCESS monocyte 0.9\n"
    assert '"predicted_label":"monocyte"' in outputs["curl-prediction"]
    assert '"SUCCESS":1' in outputs["curl-batch"]
    assert "1 classified" in outputs["client"]
    assert (Batch.objects.count(), Prediction.objects.count()) == (2, 4)
