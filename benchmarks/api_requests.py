"""Requests a second with eight clients: create and retrieve, beside a bare Django view.

`python -m benchmarks.api_requests` starts the broker and the web server as `make run` does, but no
worker, so that the web side alone is timed; the bare view runs in the same run under the same
server with the same processes and threads.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

import requests  # noqa: E402
from django.conf import settings  # noqa: E402

from benchmarks.figures import report  # noqa: E402
from classifier.management.commands.serve import processes  # noqa: E402
from tests.factories import png  # noqa: E402
from tests.processes.bundles import write_slow_bundle  # noqa: E402
from tests.processes.stack import (  # noqa: E402
    ApiClient,
    free_port,
    running_stack,
    wait_until,
)

CLIENTS, SECONDS, WARM_UP_SECONDS = 8, 10.0, 2.0
LIMITS = {"API_REQUESTS_PER_MINUTE": "1000000", "MAX_WAITING_PREDICTIONS": "1000000"}

Ask = Callable[[requests.Session], requests.Response]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, bare_view() as bare:
        write_slow_bundle(Path(folder) / "models", "any")
        environment = {**LIMITS, "MODELS_DIR": f"{folder}/models"}
        with running_stack(Path(folder) / "var", "broker", "web", **environment) as stack:
            client = ApiClient(stack.url)
            headers = {"Authorization": str(client.session.headers["Authorization"])}
            created = client.submit(png(), "any")
            measure("bare view", lambda session: session.get(bare, timeout=30))
            measure("retrieve", lambda session: session.get(created, headers=headers, timeout=30))
            measure("create", lambda session: create(session, stack.url, headers))


@contextmanager
def bare_view() -> Iterator[str]:
    port = free_port()
    command = processes("127.0.0.1", port, settings.VAR_DIR)["web"]
    command = command.replace("medclassifier.wsgi", "benchmarks.bare:application")
    process = subprocess.Popen(shlex.split(command), cwd=settings.BASE_DIR, stdout=sys.stderr)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: answers(url), "the bare view is up")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def create(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    return session.post(
        f"{url}/api/v1/predictions/",
        headers=headers,
        data={"model": "any"},
        files={"image": ("cell.png", png(), "image/png")},
        timeout=30,
    )


def measure(what: str, ask: Ask) -> None:
    """Every client asks again as soon as it has its answer."""
    start = time.perf_counter()
    barrier = threading.Barrier(CLIENTS)

    def client(number: int) -> list[float]:
        session = requests.Session()
        barrier.wait()
        taken = []
        while (now := time.perf_counter()) - start < WARM_UP_SECONDS + SECONDS:
            ask(session).raise_for_status()
            if now - start > WARM_UP_SECONDS:
                taken.append(1000 * (time.perf_counter() - now))
        return taken

    with ThreadPoolExecutor(CLIENTS) as pool:
        milliseconds = [each for taken in pool.map(client, range(CLIENTS)) for each in taken]
    print(f"{what}: {len(milliseconds) / SECONDS:.0f} requests/s with {CLIENTS} clients")
    report(what, milliseconds)


if __name__ == "__main__":
    main()
