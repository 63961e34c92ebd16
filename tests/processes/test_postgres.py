"""The whole application on a real PostgreSQL server, whose connections are cut and which stops."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus

import pytest
import requests
from django.conf import settings

from classifier.synthetic import samples
from tests.postgres import Server
from tests.processes.bundles import only_bundle
from tests.processes.stack import ApiClient, Stack, wait_until

BLOOD = "blood-dnn-relu"
TOGETHER = 6


@pytest.fixture(scope="module")
def image() -> bytes:
    return samples.draw(next(known for known in samples.samples()).slug)


@pytest.fixture(scope="module")
def stack(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Set up three times at once, as three machines do that start together."""
    running = Stack(
        tmp_path_factory.mktemp("var"),
        DATABASE_URL=postgres.create_database("stack"),
        MODELS_DIR=str(only_bundle(tmp_path_factory.mktemp("models"), BLOOD)),
        SWEEP_INTERVAL="2",
        PREDICTION_TIME_LIMIT="20",
    )
    command = [sys.executable, "manage.py", "setup"]
    # Each with a folder of its own but one, as machines have.
    folders = [running.var_dir, running.var_dir, tmp_path_factory.mktemp("other")]
    setups = [
        subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env={**running.environment, "VAR_DIR": str(folder)},
            stderr=subprocess.PIPE,
        )
        for folder in folders
    ]
    said = [setup.communicate()[1].decode() for setup in setups]
    assert [setup.returncode for setup in setups] == [0, 0, 0], said
    try:
        running.start("broker", "web", "worker", "beat")
        yield running
    finally:
        running.stop()


@contextmanager
def asking(stack: Stack, client: ApiClient, path: str) -> Iterator[set[int]]:
    """Ask for a page again and again; yields the statuses of the answers."""
    statuses: set[int] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.02):
            statuses.add(client.session.get(f"{stack.url}{path}", timeout=30).status_code)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield statuses
    finally:
        stop.set()
        asker.join()


def test_single_images_and_batches_of_one_person_do_not_wait_for_each_other(
    stack: Stack, image: bytes
) -> None:
    clients = [ApiClient(stack.url) for _ in range(TOGETHER)]
    data = {"model": BLOOD}

    def send(number: int) -> int:
        session, api = clients[number % TOGETHER].session, f"{stack.url}/api/v1"
        if number % 2:
            files = [("images", (f"{place}.png", image)) for place in range(4)]
            return session.post(f"{api}/batches/", data, files=files, timeout=60).status_code
        one = {"image": ("cell.png", image)}
        return session.post(f"{api}/predictions/", data, files=one, timeout=60).status_code

    with ThreadPoolExecutor(TOGETHER) as pool:
        assert set(pool.map(send, range(60))) == {HTTPStatus.ACCEPTED}


def test_cut_connections_fail_no_prediction_and_no_request(
    stack: Stack, postgres: Server, image: bytes
) -> None:
    client = ApiClient(stack.url)
    with asking(stack, client, "/api/v1/predictions/?page_size=1") as statuses:
        urls = []
        for _ in range(8):
            urls += [client.submit(image, BLOOD) for _ in range(5)]
            postgres.cut_connections()
    results = client.wait_for_results(urls)
    assert {result["status"] for result in results} == {"SUCCESS"}
    # A request in the middle of which the connection goes cannot be answered.
    assert statuses <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}


def test_without_the_server_people_are_asked_to_come_again(
    stack: Stack, postgres: Server, image: bytes
) -> None:
    client = ApiClient(stack.url)
    url = client.submit(image, BLOOD)
    postgres.stop()
    try:
        for path in ("/api/v1/predictions/", "/models/"):
            answer = client.session.get(f"{stack.url}{path}", timeout=30)
            assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE, path
            assert answer.headers["Retry-After"] == "5"
        wait_until(lambda: stack.health()["database"] != "ok", "the database is missed", seconds=10)
        assert requests.get(f"{stack.url}/livez", timeout=30).status_code == HTTPStatus.OK
    finally:
        postgres.start()
    [result] = client.wait_for_results([url])
    assert result["status"] == "SUCCESS"
    assert client.submit(image, BLOOD)
