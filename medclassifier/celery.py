"""The Celery application and what its processes do when they start."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready

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
