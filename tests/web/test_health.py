"""The health check with parts of the installation down."""

import socket
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from classifier.web import health
from medclassifier.celery import app

QUEUE_TROUBLE = health.queue_trouble


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    health.forget()


@pytest.fixture
def broker_url(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts another broker in for one test."""
    return lambda url: monkeypatch.setitem(app.conf, "broker_write_url", url)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes broker and worker answer as told."""

    def set_answers(broker: str, worker: str) -> None:
        monkeypatch.setattr(health, "_broker", lambda: broker)
        monkeypatch.setattr(health, "_worker", lambda: worker)

    return set_answers


def test_everything_answers(client: Client, db: None, answers: Any) -> None:
    answers("ok", "ok")
    response = client.get("/healthz")
    assert response.status_code == 200
    checks = {"database": "ok", "broker": "ok", "worker": "ok"}
    assert response.json() == {"status": "ok", "checks": checks}
    assert "no-store" in response["Cache-Control"]


def test_no_worker(client: Client, db: None, answers: Any) -> None:
    answers("ok", "does not answer")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["checks"]["worker"] == "does not answer"


def test_broker_refuses(client: Client, db: None, broker_url: Any) -> None:
    broker_url("redis://127.0.0.1:1")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["checks"]["broker"] == "does not answer"
    assert "without the broker" in response.json()["checks"]["worker"]


@pytest.mark.timeout(30)
def test_broker_hangs(client: Client, db: None, broker_url: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker_url(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        assert client.get("/healthz").json()["checks"]["broker"] == "does not answer"


def test_database_is_down(monkeypatch: pytest.MonkeyPatch, client: Client, answers: Any) -> None:
    def fail() -> None:
        raise DatabaseError("gone")

    answers("ok", "ok")
    monkeypatch.setattr(health.connection, "cursor", fail)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "does not answer"


@pytest.mark.parametrize(
    ("broker", "worker", "trouble"),
    [("ok", "ok", ""), ("ok", "silent", "worker"), ("silent", "silent", "broker")],
)
def test_queue_trouble_is_asked_for_once(
    answers: Any, monkeypatch: pytest.MonkeyPatch, broker: str, worker: str, trouble: str
) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr(health.cache, "get", kept.get)
    monkeypatch.setattr(health.cache, "set", lambda key, value, _: kept.update({key: value}))
    answers(broker, worker)
    assert QUEUE_TROUBLE() == trouble
    answers("changed", "changed")
    assert QUEUE_TROUBLE() == trouble


def test_who_asks_again_at_once_gets_the_last_answer(
    client: Client, db: None, answers: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    answers("ok", "ok")
    assert client.get("/healthz").status_code == 200
    answers("does not answer", "does not answer")
    with django_assert_num_queries(0):
        assert client.get("/healthz").status_code == 200
    health.forget()
    assert client.get("/healthz").status_code == 503


@pytest.mark.parametrize(
    ("replies", "state"),
    [
        ([{"one": {"ready": 2}}], "ok"),
        ([{"one": {"ready": 0}}, {"other": {"ready": 1}}], "ok"),
        ([{"one": {"ready": 0}}], "is loading its models"),
        ([], "does not answer"),
    ],
)
def test_a_worker_is_ready_once_one_of_its_children_is(
    monkeypatch: pytest.MonkeyPatch, replies: list[Any], state: str
) -> None:
    def broadcast(command: str, *, limit: int | None = None, **kwargs: Any) -> list[Any]:
        return replies[:limit]

    monkeypatch.setattr(app.control, "broadcast", broadcast)
    assert health._worker() == state


def test_a_process_lives_whatever_it_depends_on(client: Client) -> None:
    """Without a database: this test has none."""
    assert client.get("/livez").json() == {"status": "ok"}
