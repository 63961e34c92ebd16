"""Kills one part of the application after another under load, and counts what came of it.

`python -m tests.processes.chaos` sends 10,000 predictions in 100 rounds, on SQLite and then on a
real PostgreSQL server. In each round one of these happens, drawn at random: a worker's child, the
worker, Redis, the web server or beat is killed and started again, connections to the database are
cut, the database stops. Nothing may be lost, done twice, failed without fault or left waiting, and
no answer but 503 may say that the server is at fault.
"""

import argparse
import os
import random
import signal
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

import requests  # noqa: E402

from classifier.synthetic import samples  # noqa: E402
from tests.postgres import Server, running_server  # noqa: E402
from tests.processes.bundles import only_bundle  # noqa: E402
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until  # noqa: E402

MODEL: Final = "blood-dnn-relu"
SENDERS: Final = 4
# What a worker needs to claim anew what one that was killed had taken up.
LIMITS: Final = {
    "PREDICTION_TIME_LIMIT": "8",
    "SWEEP_INTERVAL": "2",
    # A row that several kills hit has not failed by its own fault.
    "PREDICTION_MAX_ATTEMPTS": "10",
    "API_REQUESTS_PER_MINUTE": "1000000",
    "MAX_WAITING_PREDICTIONS": "1000000",
}
SECONDS_TO_END: Final = 600.0


@dataclass
class Outcome:
    """What was sent and what became of it.

    Attributes:
        statuses: of answers to those who sent and asked.
        results: predictions by their status at the end.
        happened: how often each part was hit.
    """

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> list[str]:
        """Sentences about what must not be; empty where all is well."""
        known = self.results.total()
        said = [
            (f"{self.sent - known} of {self.sent} were lost", known < self.sent),
            (f"{known - self.sent} were made twice", known > self.sent),
            (f"{self.results['FAILURE']} failed", self.results["FAILURE"] > 0),
        ]
        for status in ("PENDING", "STARTED"):
            said.append((f"{self.results[status]} stayed {status}", self.results[status] > 0))
        for status, number in self.statuses.items():
            is_fault = status >= 500 and status != HTTPStatus.SERVICE_UNAVAILABLE
            said.append((f"{number} answers were {status}", is_fault))
        return [sentence for sentence, is_true in said if is_true]


class Chaos:
    """One installation that is sent to and hit at the same time."""

    def __init__(self, stack: Stack, server: Server | None, *, seed: int) -> None:
        self.stack, self.server = stack, server
        self.draw = random.Random(seed)  # the same order of events each time
        self.outcome = Outcome()
        self.image = samples.draw(next(known for known in samples.samples()).slug)
        self.token = ApiClient(stack.url).session.headers["Authorization"]
        self.events: dict[str, Callable[[], None]] = {
            "child": self.kill_child,
            "worker": lambda: self.kill_and_start("worker"),
            "broker": lambda: self.kill_and_start("broker"),
            "web": lambda: self.kill_and_start("web"),
            "beat": lambda: self.kill_and_start("beat"),
        }
        if server:
            self.events |= {"connections": server.cut_connections, "database": self.stop_database}

    def run(self, *, rounds: int, predictions: int) -> Outcome:
        names = [*self.events] * -(-rounds // len(self.events))
        self.draw.shuffle(names)
        shares = [predictions // SENDERS] * SENDERS
        senders = [
            threading.Thread(target=self.send, args=[share], daemon=True) for share in shares
        ]
        for sender in senders:
            sender.start()
        for name in names[:rounds]:
            time.sleep(self.draw.uniform(0.2, 1.5))
            self.events[name]()
            self.outcome.happened[name] += 1
        for sender in senders:
            sender.join()
        self.outcome.sent = sum(shares)
        wait_until(self.is_done, "all have ended", seconds=SECONDS_TO_END, every=1)
        self.outcome.results = self.counted()
        return self.outcome

    def send(self, count: int) -> None:
        """Send images one after another, each until it is accepted, with a key of its own."""
        session = requests.Session()
        session.headers["Authorization"] = self.token
        for _ in range(count):
            session.headers["Idempotency-Key"] = uuid.uuid4().hex
            while not self.is_accepted(session):
                time.sleep(0.3)

    def is_accepted(self, session: requests.Session) -> bool:
        try:
            answer = session.post(
                f"{self.stack.url}/api/v1/predictions/",
                {"model": MODEL},
                files={"image": ("cell.png", self.image)},
                timeout=30,
            )
        except requests.RequestException:
            return False  # the web server was just killed
        self.outcome.statuses[answer.status_code] += 1
        # 200 where an answer was lost, and what it told of has ended since.
        return answer.status_code in {HTTPStatus.OK, HTTPStatus.ACCEPTED}

    def counted(self) -> Counter[str]:
        """All predictions that there are, by status."""
        found: Counter[str] = Counter()
        url: str | None = f"{self.stack.url}/api/v1/predictions/?page_size=500"
        while url:
            answer = requests.get(url, headers={"Authorization": self.token}, timeout=60)
            answer.raise_for_status()
            page = answer.json()
            found.update(row["status"] for row in page["results"])
            url = page["next"]
        return found

    def is_done(self) -> bool:
        address = f"{self.stack.url}/api/v1/me/"
        answer = requests.get(address, headers={"Authorization": self.token}, timeout=60)
        return answer.ok and answer.json()["waiting_predictions"]["used"] == 0

    def kill_child(self) -> None:
        for child in self.stack.children("worker"):
            os.kill(child, signal.SIGKILL)

    def kill_and_start(self, name: str) -> None:
        self.stack.kill(name, signal.SIGKILL)
        time.sleep(self.draw.uniform(0, 0.5))
        # A worker loads its models for longer than the others need to be hit.
        self.stack.start(name, wait=name in {"broker", "web"})

    def stop_database(self) -> None:
        assert self.server
        self.server.stop(self.draw.choice([signal.SIGINT, signal.SIGQUIT]))
        time.sleep(self.draw.uniform(0.2, 1.5))
        self.server.start()


@contextmanager
def installation(database: str) -> Iterator[tuple[Stack, Server | None]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server() if database == "postgresql" else nullcontext() as server,
    ):
        given = {**LIMITS, "MODELS_DIR": str(only_bundle(Path(folder) / "bundles", MODEL))}
        if server:
            given["DATABASE_URL"] = server.create_database("chaos")
        names = ("broker", "web", "worker", "beat")
        with running_stack(Path(folder) / "var", *names, **given) as stack:
            yield stack, server


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=100)
    asked.add_argument("--predictions", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    options = asked.parse_args()
    faults = []
    for database in options.database or ("sqlite", "postgresql"):
        with installation(database) as (stack, server):
            chaos = Chaos(stack, server, seed=options.seed)
            outcome = chaos.run(rounds=options.rounds, predictions=options.predictions)
        print(f"{database}: {dict(outcome.happened)}")
        print(f"answers {dict(outcome.statuses)}, results {dict(outcome.results)}")
        print("; ".join(outcome.faults) or "nothing lost, made twice, failed or left waiting")
        faults += outcome.faults
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
