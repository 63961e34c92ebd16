"""The web server behind a proxy that comes by a Unix socket."""

import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings

from tests.processes.stack import PASSWORD, USERNAME, Stack, wait_until


class Proxy(HTTPConnection):
    """Hands on what somebody at 203.0.113.7 asks, with the cookies that they were given."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path
        self.cookies = SimpleCookie()

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))

    def ask(self, method: str, address: str, **form: str) -> tuple[HTTPResponse, str]:
        headers = {
            "X-Forwarded-For": "198.51.100.9, 203.0.113.7",
            "Cookie": "; ".join(f"{name}={each.value}" for name, each in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self.request(method, address, urlencode(form), headers)
        answer = self.getresponse()
        for each in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(each)
        return answer, answer.read().decode()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    stack = Stack(tmp_path, TRUSTED_PROXIES="1")
    stack.setup()
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "web.sock"
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "medclassifier.wsgi", f"--bind=unix:{path}",
             "--worker-class=medclassifier.server.Worker", "--no-control-socket"],
            cwd=settings.BASE_DIR,
            env=stack.environment,
        )  # fmt: skip
        try:
            wait_until(path.is_socket, "the web server listens")
            yield Proxy(path)
        finally:
            server.terminate()
            server.wait(timeout=30)


def test_sessions_are_listed_with_the_address_that_the_proxy_saw(proxy: Proxy) -> None:
    _, page = proxy.ask("GET", "/accounts/login/")
    [token, *_] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    sent = {"csrfmiddlewaretoken": token, "login": USERNAME, "password": PASSWORD}
    answer, _ = proxy.ask("POST", "/accounts/login/", **sent)
    assert answer.status == 302
    _, page = proxy.ask("GET", "/accounts/sessions/")
    assert "From 203.0.113.7" in page
