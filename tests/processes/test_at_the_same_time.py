"""What several ask for at the same time, on the real web server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
import requests

from classifier.synthetic import samples
from tests.processes.stack import PASSWORD, ApiClient, Stack, running_stack

TOGETHER = 6


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Without a worker, so that everything waits."""
    var_dir = tmp_path_factory.mktemp("var")
    with running_stack(var_dir, "broker", "web", MAX_WAITING_PREDICTIONS="20") as running:
        yield running


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
    *refused, signed_up = sorted(answers, key=lambda status: status == HTTPStatus.FOUND)
    assert signed_up == HTTPStatus.FOUND
    # The form again, or "too many at once": attempts of one address are counted one after another,
    # and on a busy machine not each has its turn within a second.
    assert set(refused) <= {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}


def test_batches_together_keep_the_limit_on_what_waits(stack: Stack) -> None:
    image = samples.draw(next(known for known in samples.samples()).slug)
    data = {"model": "blood-compact"}
    files = [("images", (f"{number}.png", image)) for number in range(15)]
    clients = [ApiClient(stack.url) for _ in range(TOGETHER)]

    def send(client: ApiClient) -> int:
        url = f"{stack.url}/api/v1/batches/"
        return client.session.post(url, data=data, files=files, timeout=60).status_code

    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(send, clients))
    limit = clients[0].get(f"{stack.url}/api/v1/me/")["waiting_predictions"]
    assert sorted(answers) == [HTTPStatus.ACCEPTED] + [HTTPStatus.TOO_MANY_REQUESTS] * 5
    assert limit["used"] == 15
    stored = list((stack.var_dir / "media").rglob("*.png"))
    assert len(stored) == 2 * 15, "refused images were kept"
