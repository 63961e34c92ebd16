"""Requests that are refused before any page or view sees them."""

import pytest
from django.test import Client

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
