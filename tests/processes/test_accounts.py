"""Accounts that several people make at the same time, on the real web server."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
import requests

from tests.processes.stack import PASSWORD, Stack

TOGETHER = 6


def sign_up(stack: Stack, username: str, email: str) -> int:
    address = f"{stack.url}/accounts/signup/"
    with requests.Session() as session:
        session.get(address, timeout=30).raise_for_status()
        data = {
            "username": username,
            "email": email,
            "password1": PASSWORD,
            "password2": PASSWORD,
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        }
        return session.post(address, data, allow_redirects=False, timeout=60).status_code


@pytest.mark.parametrize(
    ("username", "email"),
    [("racer", "racer-{}@example.org"), ("mail-racer-{}", "racer@example.org")],
)
def test_of_those_who_want_the_same_name_or_address_one_gets_it(
    stack: Stack, username: str, email: str
) -> None:
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = pool.map(
            lambda number: sign_up(stack, username.format(number), email.format(number)),
            range(TOGETHER),
        )
    refused = [HTTPStatus.OK] * (TOGETHER - 1)
    assert sorted(answers) == [*refused, HTTPStatus.FOUND]
