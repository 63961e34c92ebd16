"""The whole application as real processes: Redis, Celery's workers and beat, gunicorn."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from django.conf import settings

from classifier.management.commands.serve import processes
from medclassifier.broker import socket_path

USERNAME, PASSWORD = "researcher", "correct horse battery"
START_TIMEOUT = 120.0


def wait_until(
    condition: Callable[[], Any], what: str, *, seconds: float = START_TIMEOUT, every: float = 0.1
) -> Any:
    """The condition's first true value. Fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"Not within {seconds:.0f} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """Starts and kills the processes that `manage.py serve` runs, one by one."""

    def __init__(self, var_dir: Path, **environment: str) -> None:
        self.var_dir = var_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "REDIS_URL"},
            "VAR_DIR": str(var_dir),
            "DJANGO_SUPERUSER_USERNAME": USERNAME,
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            **environment,
        }

    def setup(self) -> None:
        command = [sys.executable, "manage.py", "setup"]
        subprocess.run(command, cwd=settings.BASE_DIR, env=self.environment, check=True)

    def add_account(self, username: str) -> None:
        """A further person, with the same password; once more for one who is there does nothing."""
        code = (
            "from django.contrib.auth.models import User;"
            f"known = User.objects.filter(username={username!r}).exists();"
            f"known or User.objects.create_user({username!r}, password={PASSWORD!r})"
        )
        command = [sys.executable, "manage.py", "shell", "-c", code]
        subprocess.run(command, cwd=settings.BASE_DIR, env=self.environment, check=True)

    def start(self, *names: str, wait: bool = True) -> None:
        for name in names:
            self.running[name] = self._spawn(name)
        for name in names if wait else ():
            self._wait_for(name)

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        # Each line of serve's own table, so that the tests run what people run.
        command = processes("127.0.0.1", self.port, self.var_dir)[name]
        with self.log_path(name).open("ab") as log:
            return subprocess.Popen(
                shlex.split(command),
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, name: str) -> None:
        ready = {
            "broker": socket_path(self.var_dir).is_socket,
            "web": self.answers,
            "worker": lambda: self.health().get("worker") == "ok",
        }
        if name in ready:
            wait_until(ready[name], f"{name} is up, see {self.log_path(name)}")

    def kill(self, name: str, with_signal: int = signal.SIGKILL) -> None:
        """Signal the process and all of its children, and wait until they are gone."""
        process = self.running.pop(name)
        os.killpg(process.pid, with_signal)
        process.wait(timeout=30)

    def children(self, name: str) -> list[int]:
        pid = self.running[name].pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def stop(self) -> None:
        for name in reversed(list(self.running)):
            self.kill(name, signal.SIGTERM)

    def log_path(self, name: str) -> Path:
        return self.var_dir / f"{name}.log"

    def answers(self) -> bool:
        try:
            return bool(requests.get(f"{self.url}/healthz", timeout=15).json())
        except (requests.ConnectionError, requests.Timeout):
            return False

    def health(self) -> dict[str, str]:
        answer: dict[str, str] = requests.get(f"{self.url}/healthz", timeout=15).json()
        return answer.get("checks", answer)  # type: ignore[return-value]


@contextmanager
def running_stack(var_dir: Path, *names: str, **environment: str) -> Iterator[Stack]:
    stack = Stack(var_dir, **environment)
    stack.setup()
    try:
        stack.start(*names)
        yield stack
    finally:
        stack.stop()


class ApiClient:
    """What a program does: sends an image, asks for its result."""

    def __init__(self, url: str, username: str = USERNAME) -> None:
        self.url = url
        self.session = requests.Session()
        credentials = {"username": username, "password": PASSWORD}
        answer = requests.post(f"{url}/api/v1/auth/token/", json=credentials, timeout=30)
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Token {answer.json()['token']}"

    def submit(self, image: bytes, model: str) -> str:
        """The address of a new prediction."""
        answer = self.session.post(
            f"{self.url}/api/v1/predictions/",
            files={"image": ("cell.png", image, "image/png")},
            data={"model": model},
            timeout=30,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Location"])

    def get(self, url: str) -> dict[str, Any]:
        answer = self.session.get(url, timeout=30)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    def statuses(self, urls: list[str]) -> list[str]:
        return [self.get(url)["status"] for url in urls]

    def wait_for_results(self, urls: list[str], *, seconds: float = 120) -> list[dict[str, Any]]:
        def all_finished() -> bool:
            return set(self.statuses(urls)) <= {"SUCCESS", "FAILURE"}

        wait_until(all_finished, "every prediction has ended", seconds=seconds, every=0.3)
        return [self.get(url) for url in urls]
