"""The Celery application and what its processes do when they start."""

import os
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import (
    beat_embedded_init,
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_ready,
)
from celery.worker.control import inspect_command

from classifier import origin

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

app = Celery("medclassifier")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**kwargs: Any) -> None:
    """Django's LOGGING stands; without this receiver Celery would set up its own."""


@worker_process_init.connect
def warm_models(**kwargs: Any) -> None:
    """Load TensorFlow and the models in the child: a TensorFlow that was forked hangs."""
    from classifier.inference import loader

    loader.warm_active_models()


@worker_ready.connect
def sweep_at_start(**kwargs: Any) -> None:
    """Ring for whatever waited while no worker ran."""
    from django.db import connections

    from classifier.tasks import sweep

    sweep()
    connections.close_all()


@beat_embedded_init.connect
def end_with_worker(**kwargs: Any) -> None:
    """A worker that is killed takes its scheduler along: the next one brings another."""
    worker = os.getppid()

    def watch() -> None:
        while os.getppid() == worker:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@before_task_publish.connect
def send_request_id(headers: dict[str, Any], **kwargs: Any) -> None:
    """The worker's log lines about a task name the request that rang for it."""
    headers["request_id"] = origin.current().request_id


@task_prerun.connect
def begin_task(task_id: str, task: Any, **kwargs: Any) -> None:
    request_id = getattr(task.request, "request_id", None) or ""
    origin.enter(origin.Origin(channel="worker", task_id=task_id, request_id=request_id))


@task_postrun.connect
def end_task(**kwargs: Any) -> None:
    origin.enter(origin.Origin())


@inspect_command()
def ready_children(state: Any) -> dict[str, int]:
    """How many children have loaded their models; the pool knows each by its pipe once it has."""
    pool = state.consumer.pool
    ready = getattr(pool._pool, "_fileno_to_inq", None)
    return {"ready": pool.num_processes if ready is None else len(set(ready.values()))}
