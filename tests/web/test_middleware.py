"""Requests that are refused before any page or view sees them."""

import re
import uuid
from pathlib import Path

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from classifier.models import ApiToken
from classifier.web.bodies import largest_body, most_bytes

SCHEMA = Path(__file__).parents[2] / "classifier" / "api" / "schema.yaml"
# Codecs that give bytes, fail on stray bytes, give halves of surrogate pairs, or are none.
CHARSETS = [
    *("hex", "bz2", "rot13", "idna", "undefined", "nonsense"),
    *("utf-7", "unicode_escape", "raw_unicode_escape", "punycode"),
]
FORM = '--b\r\nContent-Disposition: form-data; name="login"\r\n\r\nx\r\n--b--\r\n'


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/auth/token/"])
def test_a_charset_that_is_no_text_is_refused(
    client: Client, db: None, path: str, charset: str
) -> None:
    content_type = f"multipart/form-data; boundary=b; charset={charset}"
    answer = client.generic("POST", path, FORM, content_type)
    assert answer.status_code == 400
    is_problem = answer["Content-Type"] == "application/problem+json"
    assert is_problem == path.startswith("/api/")
    assert answer["Content-Security-Policy"]


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "UTF-16"])
def test_other_text_is_read(client: Client, db: None, charset: str) -> None:
    headers = {"Content-Type": f"text/plain; charset={charset}"}
    assert client.get("/accounts/login/?next=%ff", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/nothing/", "/api/v1/me/", "/api/v1/auth/token/"]
)
def test_a_body_that_is_too_large_is_not_read(client: Client, db: None, path: str) -> None:
    """Its length is enough: none of it is there to be read."""
    answer = client.post(path, headers={"Content-Length": "3000000"})
    assert answer.status_code == 413
    is_problem = answer["Content-Type"] == "application/problem+json"
    assert is_problem == path.startswith("/api/")
    assert answer["Content-Security-Policy"]


def test_what_takes_images_takes_larger_bodies(settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES, settings.MAX_BATCH_BYTES = 10_000_000, 90_000_000
    sizes = {
        path: largest_body(path)
        for path in ("/classify/", "/classify/preview/", "/api/v1/predictions/", "/api/v1/batches/")
    }
    assert list(sizes.values()) == [20_000_000] * 3 + [90_000_000]


def test_every_address_of_the_api_that_takes_files_takes_larger_bodies(settings: Settings) -> None:
    paths = yaml.load(SCHEMA.read_text(), yaml.CSafeLoader)["paths"]
    taking = [
        re.sub(r"{\w+}", str(uuid.uuid4()), path)
        for path, operations in paths.items()
        for operation in operations.values()
        if set(operation.get("requestBody", {}).get("content", {})) == {"multipart/form-data"}
    ]
    assert len(taking) >= 5
    usual = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert [path for path in taking if largest_body(path) <= usual] == []


@pytest.mark.parametrize("name", ["new", "add", "table"])
def test_a_labelled_set_takes_larger_bodies(name: str, settings: Settings) -> None:
    keys = {} if name == "new" else {"pk": uuid.uuid4()}
    path = reverse(f"web:labelled_set_{name}", kwargs=keys)
    assert largest_body(path) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def test_only_whom_we_know_may_send_much(user: User, page: Client, settings: Settings) -> None:
    _, secret = ApiToken.objects.issue(user, name="night run")
    token, expired = ApiToken.objects.issue(user, name="old", days=1)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    session = page.cookies["sessionid"].value
    known = [{"AUTHORIZATION": f"Token {secret}"}, {"COOKIE": f"theme=dark; sessionid={session}"}]
    strangers = [
        {},
        {"AUTHORIZATION": "Token made-up"},
        {"AUTHORIZATION": f"Token {expired}"},
        {"AUTHORIZATION": f"Basic {secret}"},
        {"COOKIE": "sessionid=made-up"},
        {"COOKIE": "="},
    ]
    batches = "/api/v1/batches/"
    assert {most_bytes(batches, headers) for headers in known} == {settings.MAX_BATCH_BYTES}
    assert {most_bytes(batches, headers) for headers in strangers} == {2_621_440}
