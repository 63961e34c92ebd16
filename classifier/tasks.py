"""Celery tasks: a message is only the doorbell, the database says what there is to do."""

import logging

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from classifier import audit, retention
from classifier.inference import runner

logger = logging.getLogger(__name__)


@shared_task(bind=True)
def run_predictions(self: "Task[[str], None]", slug: str) -> None:
    """Run what is next in line; the model for which it was queued says where to route it."""
    runner.run_waiting(claim=str(self.request.id))


@shared_task
def sweep() -> None:
    """Ring again for what waits: a lost message loses nothing; and empty old trash."""
    runner.give_up_exhausted()
    runner.purge_trash()
    for slug, count in runner.tasks_due().items():
        ring(slug, times=count)


@shared_task
def keep_audit() -> None:
    """Seal what is new in the audit trail, and delete what is too old."""
    audit.seal()
    audit.prune()


@shared_task
def retain() -> None:
    """Take what is older than the installation keeps, some at a time."""
    retention.apply()


def ring(slug: str, *, times: int = 1) -> bool:
    """Queue a task for a model; False when the broker is down, and the sweeper will ring later."""
    try:
        for _ in range(times):
            run_predictions.delay(slug)
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); what waits is kept", error)
        return False
    return True
