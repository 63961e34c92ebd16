"""Figures for Prometheus: what web and worker processes count, and what the database says.

Each process counts in files of its own under VAR_DIR (prometheus_client's multiprocess mode), and
whoever is asked adds up those of its machine. What waits is looked up when somebody asks.
"""

import os
import resource
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from classifier.models import AuditEvent, Prediction

REQUEST_SECONDS: Final = Histogram(
    "medclassifier_request_seconds",
    "Time to answer a request.",
    ["view", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INFERENCE_SECONDS: Final = Histogram(
    "medclassifier_inference_seconds",
    "Time that a model takes for a batch.",
    ["model"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
BATCH_IMAGES: Final = Histogram(
    "medclassifier_batch_images",
    "Images in one forward pass.",
    ["model"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
PREDICTIONS: Final = Counter(
    "medclassifier_predictions",
    "Predictions that succeeded, by what the limits of the model say of them.",
    ["model", "certainty"],
)
FAILURES: Final = Counter(
    "medclassifier_failures", "Predictions that failed, by the kind of failure.", ["model", "kind"]
)
WORKER_MEMORY: Final = Gauge(
    "medclassifier_worker_memory_bytes",
    "Resident memory of a worker's process.",
    multiprocess_mode="liveall",
)


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    forget_dead_processes()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(Stored())
    return generate_latest(registry)


class Stored(Collector):
    """What the database and the disk say."""

    def collect(self) -> Iterator[Metric]:
        waiting = Prediction.objects.kept().unfinished().order_by()
        queue = GaugeMetricFamily(
            "medclassifier_queue_predictions",
            "Predictions that wait or run.",
            labels=["model", "status"],
        )
        groups = waiting.values_list("trained_model__slug", "status").annotate(Count("pk"))
        for slug, status, number in groups:
            queue.add_metric([slug, status], number)
        yield queue
        oldest = waiting.aggregate(Min("created_at"))["created_at__min"]
        age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily(
            "medclassifier_queue_oldest_seconds", "How long the oldest of them waits.", age
        )
        yield GaugeMetricFamily(
            "medclassifier_audit_unsealed_events",
            "Events of the audit trail that no seal covers yet.",
            AuditEvent.objects.unsealed().order_by().count(),
        )
        yield GaugeMetricFamily(
            "medclassifier_disk_free_bytes",
            "Free disk where state is kept.",
            shutil.disk_usage(settings.VAR_DIR).free,
        )


def count_answers(model: str, predictions: Iterable[Prediction], seconds: float) -> None:
    """A batch that a model has answered, in this many seconds."""
    answered = list(predictions)
    INFERENCE_SECONDS.labels(model).observe(seconds)
    BATCH_IMAGES.labels(model).observe(len(answered))
    for prediction in answered:
        PREDICTIONS.labels(model, certainty_of(prediction)).inc()
    WORKER_MEMORY.set(resident_bytes())


def certainty_of(prediction: Prediction) -> str:
    """`Prediction.certainty`, which the database works out, before the row is written."""
    if prediction.in_distribution is None:
        return "unknown"
    if not prediction.in_distribution:
        return "unlike"
    return "undecided" if len(prediction.prediction_set or ()) > 1 else "accepted"


def resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except OSError:  # not Linux: the most that it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_dead_processes() -> None:
    """What killed processes said of themselves; what they counted stays."""
    for path in _folder().glob("gauge_live*.db"):
        try:
            os.kill(int(path.stem.rsplit("_", 1)[1]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except PermissionError:
            pass


def start_anew() -> None:
    """Delete the files of all processes; when none of them runs."""
    for path in _folder().glob("*.db"):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
