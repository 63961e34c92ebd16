"""The web server without a proxy before it: clients that send slowly, never or too much."""

import contextlib
import io
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from medclassifier.server import HEAD_SECONDS
from tests.factories import png
from tests.processes.bundles import write_slow_bundle
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Padding: "
HALF_A_BODY = (
    b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin="
)
ATTACKS = {
    "12 half-sent heads": (12, HALF_A_HEAD),
    "12 slow bodies": (12, HALF_A_BODY),
    "100 slow bodies": (100, HALF_A_BODY),
    "200 idle connections": (200, b""),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("web")
    write_slow_bundle(folder / "models", "any")
    with running_stack(folder / "var", "broker", "web", MODELS_DIR=str(folder / "models")) as stack:
        for _ in range(10):  # whatever a process loads for its first page
            requests.get(f"{stack.url}/accounts/login/", timeout=30)
        yield stack


def connection(stack: Stack, start: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
    made.sendall(start)
    return made


@contextlib.contextmanager
def attack(stack: Stack, count: int, start: bytes) -> Iterator[None]:
    """Connections that begin with `start`, and where that is something, go on byte by byte."""
    made = [connection(stack, start) for _ in range(count)]
    is_over = threading.Event()

    def go_on() -> None:
        while start and not is_over.wait(0.5):
            for each in made:
                with contextlib.suppress(OSError):
                    each.sendall(b"x")

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        for each in made:
            each.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_others_are_served_meanwhile(web: Stack, name: str) -> None:
    with attack(web, *ATTACKS[name]):
        for _ in range(5):
            start = time.monotonic()
            assert requests.get(f"{web.url}/accounts/login/", timeout=10).ok
            assert time.monotonic() - start < 2


def test_a_head_that_never_ends_is_given_up(web: Stack) -> None:
    started, begun = time.monotonic(), connection(web, HALF_A_HEAD)
    assert begun.recv(1) == b""
    assert time.monotonic() - started < HEAD_SECONDS + 3


class Endless(io.RawIOBase):
    """A body of a given length that counts what is taken of it."""

    def __init__(self, size: int) -> None:
        self.size, self.taken = size, 0

    def __len__(self) -> int:
        return self.size

    def read(self, size: int = -1) -> bytes:
        piece = min(size if size > 0 else 2**16, self.size - self.taken)
        self.taken += piece
        return bytes(piece)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/accounts/login/", 413),
        ("/api/v1/auth/token/", 413),
        ("/nothing/", 413),
        # A batch may be as large, but not from a stranger.
        ("/api/v1/batches/", 401),
    ],
)
def test_what_is_too_large_is_answered_and_kept_nowhere(web: Stack, path: str, status: int) -> None:
    before = written(web)
    answer = requests.post(f"{web.url}{path}", data=Endless(300_000_000), timeout=60)
    assert answer.status_code == status
    assert written(web) - before < 10_000_000


def test_a_length_that_is_too_large_is_answered_before_any_body(web: Stack) -> None:
    begun = connection(web, HALF_A_BODY.replace(b"100000", b"1500000000"))
    assert begun.recv(100).startswith(b"HTTP/1.1 413")


def written(stack: Stack) -> int:
    """Bytes that the web processes have written to files, pipes and sockets."""
    lines = [Path(f"/proc/{pid}/io").read_text() for pid in stack.children("web")]
    return sum(int(text.split("wchar: ")[1].split()[0]) for text in lines)


def test_a_body_in_chunks_is_read_and_bounded(web: Stack) -> None:
    address = f"{web.url}/api/v1/auth/token/"
    pieces = [b'{"username": "nobody", ', b'"password": "nothing"}']
    headers = {"Content-Type": "application/json"}
    answer = requests.post(address, data=iter(pieces), headers=headers, timeout=30)
    assert "password is wrong" in answer.text
    endless = (bytes(2**16) for _ in range(100))
    answer = requests.post(address, data=endless, headers=headers, timeout=30)
    assert answer.status_code == 413


def test_a_large_image_of_ones_own_is_read(web: Stack) -> None:
    client = ApiClient(web.url)
    noise = io.BytesIO()
    Image.frombytes("RGB", (1300, 1300), os.urandom(1300 * 1300 * 3)).save(noise, "PNG")
    files = {"image": ("noise.png", noise.getvalue(), "image/png")}
    address = f"{web.url}/api/v1/predictions/"
    answer = client.session.post(address, files=files, data={"model": "any"}, timeout=60)
    assert answer.status_code == 202


def test_an_address_that_is_too_long_is_answered_as_a_problem(web: Stack) -> None:
    for length, status in ((8_000, 401), (100_000, 431)):
        answer = requests.get(f"{web.url}/api/v1/models/{'a' * length}/", timeout=30)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_what_runs_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    write_slow_bundle(tmp_path / "models", "any")
    models = str(tmp_path / "models")
    with running_stack(tmp_path / "var", "broker", "web", MODELS_DIR=models) as stack:
        client = ApiClient(stack.url)
        answers = []

        def send() -> None:
            files, data = {"image": ("cell.png", png())}, {"model": "any"}
            address = f"{stack.url}/api/v1/predictions/?wait=2"
            answers.append(client.session.post(address, files=files, data=data, timeout=30))

        thread = threading.Thread(target=send)
        thread.start()
        wait_until(lambda: client.get(f"{stack.url}/api/v1/predictions/")["results"], "it is there")
        stack.running["web"].send_signal(signal.SIGTERM)
        thread.join()
        assert [answer.status_code for answer in answers] == [202]
        stack.running.pop("web").wait(timeout=30)
