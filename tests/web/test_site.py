"""The frame around every page: headers, errors, theme, and what the web process may load."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client

from classifier.datasets import datasets
from classifier.notice import NOTICE
from tests.factories import PredictionFactory, TrainedModelFactory

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
# A block of JSON is data, which no browser runs.
INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|javascript:"
    r"|<script(?![^>]*\ssrc=)(?![^>]*\stype=\"application/json\")"
)


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/nothing/", "/healthz"])
def test_content_security_policy(client: Client, db: None, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_inline_script_or_style(path: Path) -> None:
    assert not INLINE.search(path.read_text())


@pytest.mark.parametrize("path", ["/classify/", "/predictions/"])
def test_pages_are_not_kept_by_browsers(page: Client, path: str) -> None:
    assert "no-store" in page.get(path)["Cache-Control"]


def test_web_process_never_loads_tensorflow() -> None:
    code = (
        "import sys, django; django.setup(); import medclassifier.urls; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "medclassifier.settings",
        "VAR_DIR": str(settings.VAR_DIR),
    }
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True)


def test_landing_says_what_it_is(client: Client, db: None) -> None:
    text = client.get("/").content.decode()
    assert "immature granulocytes" in text
    assert "Create an account" in text
    assert all(dataset.image_noun in text for dataset in datasets().values())
    assert "Research use only" in text


def test_pages_and_programs_say_the_same_of_its_use() -> None:
    line = re.sub("<[^>]+>", "", render_to_string("web/partials/research.html")).strip()
    assert line.replace(" — ", ", ") == NOTICE


def test_landing_of_a_signed_in_person(page: Client) -> None:
    assert 'href="/classify/">Classify an image' in page.get("/").content.decode()


@pytest.mark.parametrize("name", ["400.html", "403.html", "404.html", "429.html", "500.html"])
def test_error_pages_need_no_request(name: str) -> None:
    text = render_to_string(name)
    assert name.removesuffix(".html") in text
    assert 'href="/"' in text


def test_error_page_keeps_the_frame(page: Client) -> None:
    response = page.get("/nothing/")
    assert response.status_code == 404
    assert "There is nothing at this address" in response.content.decode()
    assert "History" in response.content.decode()


@pytest.mark.parametrize(
    ("cookie", "attribute"),
    [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'), ("x", '<html lang="en-GB">')],
)
def test_theme_comes_with_the_page(client: Client, db: None, cookie: str, attribute: str) -> None:
    client.cookies["theme"] = cookie
    assert attribute in client.get("/").content.decode()


def test_icon_for_pages_without_one(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"].endswith("favicon.svg")


def test_current_page_is_marked(page: Client, user: User) -> None:
    prediction = PredictionFactory.create(image__owner=user)
    marks = {"/predictions/": "page", prediction.get_absolute_url(): "true"}
    for url, mark in marks.items():
        text = page.get(url).content.decode()
        assert f'<a href="/predictions/" aria-current="{mark}">' in text


def test_no_page_speaks_of_diagnosing(page: Client, user: User) -> None:
    model = TrainedModelFactory.create(slug="blood")
    prediction = PredictionFactory.create(image__owner=user, trained_model=model, succeeded=True)
    paths = ["/", "/classify/", "/predictions/", "/models/", prediction.get_absolute_url()]
    for path in paths:
        text = page.get(path).content.decode().lower()
        text = text.replace("not for diagnosis", "")
        assert not re.search(r"diagnos|you have cancer|detected|patient", text), path
