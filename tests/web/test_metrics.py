"""What Prometheus is told, and who may ask."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings as installation
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from classifier import metrics
from classifier.models import Prediction
from tests.factories import PredictionFactory

MONITORING = Path(installation.BASE_DIR) / "docs" / "monitoring"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def asked(client: Client) -> Samples:
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"medclassifier_{name}", frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_their_view(client: Client, db: None) -> None:
    labels = {"view": "web:landing", "method": "GET", "status": "200"}
    before = value(asked(client), "request_seconds_count", **labels)
    client.get("/")
    client.generic("BREW", "/")
    samples = asked(client)
    assert value(samples, "request_seconds_count", **labels) == before + 1
    assert not [key for key in samples if "BREW" in str(key)]


def test_what_waits_and_for_how_long(client: Client, db: None) -> None:
    waiting = PredictionFactory.create(created_at=timezone.now() - timedelta(minutes=5))
    model = waiting.trained_model
    PredictionFactory.create(trained_model=model, started=True)
    PredictionFactory.create(trained_model=model, succeeded=True)
    samples = asked(client)
    for status in ("PENDING", "STARTED"):
        assert value(samples, "queue_predictions", model=model.slug, status=status) == 1
    assert 300 <= value(samples, "queue_oldest_seconds") < 400
    assert value(samples, "disk_free_bytes") > 0


@pytest.mark.parametrize(
    ("in_distribution", "labels", "certainty"),
    [
        (None, None, "unknown"),
        (False, ["a"], "unlike"),
        (True, ["a", "b"], "undecided"),
        (True, ["a"], "accepted"),
    ],
)
def test_answers_are_counted_as_the_database_will_know_them(
    client: Client,
    db: None,
    in_distribution: bool | None,
    labels: list[str] | None,
    certainty: str,
) -> None:
    row = PredictionFactory.create(
        succeeded=True, in_distribution=in_distribution, prediction_set=labels
    )
    stored = Prediction.objects.get(pk=row.pk).certainty or "unknown"
    assert metrics.certainty_of(row) == stored == certainty
    model = f"model-{certainty}"
    before = value(asked(client), "predictions_total", model=model, certainty=certainty)
    metrics.count_answers(model, [row], 0.2)
    samples = asked(client)
    assert value(samples, "predictions_total", model=model, certainty=certainty) == before + 1
    assert value(samples, "inference_seconds_bucket", model=model, le="0.25") >= 1
    assert value(samples, "worker_memory_bytes", pid=str(os.getpid())) > 10**6


def test_processes_are_added_up_and_the_memory_of_dead_ones_is_forgotten(
    client: Client, db: None
) -> None:
    code = (
        "import django; django.setup(); import os; from classifier import metrics;"
        "metrics.FAILURES.labels('other', 'unexpected').inc(); metrics.WORKER_MEMORY.set(1);"
        "print(os.getpid())"
    )
    before = value(asked(client), "failures_total", model="other", kind="unexpected")
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installation.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "medclassifier.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    samples = asked(client)
    assert value(samples, "failures_total", model="other", kind="unexpected") == before + 1
    assert value(samples, "worker_memory_bytes", pid=made.stdout.strip()) == 0


@pytest.mark.parametrize(
    ("token", "headers", "address", "status"),
    [
        ("", {}, "127.0.0.1", 200),
        ("", {}, "::1", 200),
        ("", {}, "192.0.2.7", 403),
        ("", {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 403),
        ("s3cret", {}, "127.0.0.1", 403),
        ("s3cret", {"Authorization": "Bearer guess"}, "127.0.0.1", 403),
        ("s3cret", {"Authorization": "Bearer s3cret"}, "192.0.2.7", 200),
    ],
)
def test_who_may_ask(
    client: Client,
    db: None,
    settings: Settings,
    token: str,
    headers: dict[str, str],
    address: str,
    status: int,
) -> None:
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert answer.status_code == status
    assert (b"medclassifier_" in answer.content) == (status == 200)


@pytest.mark.parametrize("name", ["alerts.yml", "grafana.json"])
def test_rules_and_dashboard_ask_for_what_there_is(client: Client, db: None, name: str) -> None:
    text = (MONITORING / name).read_text()
    assert yaml.safe_load(text) if name.endswith("yml") else json.loads(text)["panels"]
    known = {
        family.name
        for family in text_string_to_metric_families(client.get("/metrics").content.decode())
    }
    known |= {"medclassifier_failures", "medclassifier_worker_memory_bytes"}
    known |= {f"medclassifier_{name}" for name in ("predictions", "inference_seconds")}
    known |= {"medclassifier_batch_images", "medclassifier_request_seconds"}
    found = set(re.findall(r"medclassifier_[a-z_]+", text))
    assert {re.sub("_(bucket|count|sum|total)$", "", each) for each in found} <= known
