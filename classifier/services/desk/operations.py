"""What runs and what waits, and the switches of an administrator."""

import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Min, Q

from classifier import tasks
from classifier.models import Prediction, Status, TrainedModel
from medclassifier.celery import app

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Worker:
    """A worker that answers, with its processes that predict.

    Attributes:
        memory_bytes: of these processes together; None where they run on another machine.
        tasks: what each runs at the moment, by the model that it was queued for.
    """

    name: str
    processes: Sequence[int]
    memory_bytes: int | None
    tasks: Sequence[str]


@dataclass(frozen=True)
class Waiting:
    """What is unfinished of a model."""

    model: TrainedModel
    pending: int
    running: int
    oldest: datetime


def workers() -> list[Worker]:
    """Those that answer within a second; none where the broker cannot be reached."""
    inspect = app.control.inspect(timeout=PATIENCE_SECONDS)
    try:
        stats: dict[str, Any] = inspect.stats() or {}
        active: dict[str, Any] = (inspect.active() or {}) if stats else {}
    except Exception as error:
        # Each transport raises exceptions of its own kind; every one of them means "no broker".
        logger.warning("Workers cannot be asked: %s", error)
        return []
    return [_worker(name, found, active.get(name, [])) for name, found in sorted(stats.items())]


def _worker(name: str, stats: dict[str, Any], active: list[dict[str, Any]]) -> Worker:
    processes = stats.get("pool", {}).get("processes", [])
    is_here = name.partition("@")[2] == socket.gethostname()
    memory = sum(map(_resident_bytes, processes)) if is_here else None
    tasks = [str(next(iter(each.get("args") or []), each.get("name", ""))) for each in active]
    return Worker(name, processes, memory, tasks)


def _resident_bytes(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:  # it ended meanwhile, or this is not Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def queue() -> list[Waiting]:
    """By model, the one with the oldest first."""
    unfinished = Prediction.objects.kept().unfinished().order_by()
    rows = unfinished.values_list("trained_model").annotate(
        pending=Count("pk", Q(status=Status.PENDING)),
        running=Count("pk", Q(status=Status.STARTED)),
        oldest=Min("created_at"),
    )
    found = {row[0]: row[1:] for row in rows}
    models = TrainedModel.objects.in_bulk(found)
    waiting = [Waiting(models[key], *numbers) for key, numbers in found.items()]
    return sorted(waiting, key=lambda each: each.oldest)


def load(model: TrainedModel) -> bool:
    """Have a worker load a model before it is asked for; False where no broker answers."""
    return tasks.ring_to_load(model.slug)


@transaction.atomic
def make_default(model: TrainedModel) -> None:
    """Let forms start with this model for its kind of image, whatever the bundles recommend."""
    TrainedModel.objects.filter(dataset=model.dataset).update(is_chosen=False)
    TrainedModel.objects.filter(pk=model.pk).update(is_chosen=True, is_active=True)
    TrainedModel.objects.recommend_chosen()
