"""Celery tasks: a message is only the doorbell, the database says what there is to do."""

import logging

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from classifier.inference import runner, validations

logger = logging.getLogger(__name__)


@shared_task(bind=True)
def run_predictions(self: "Task[[str], None]", slug: str) -> None:
    """Run what is next in line; the model for which it was queued says where to route it."""
    runner.run_waiting(claim=str(self.request.id))


@shared_task(bind=True)
def run_validations(self: "Task[[], None]") -> None:
    """Go on with a validation for a while, and then make room for what came meanwhile."""
    if validations.run_turn(claim=str(self.request.id)):
        ring_validations()


@shared_task
def sweep() -> None:
    """Ring again for what waits: a lost message loses nothing; and empty old trash."""
    runner.give_up_exhausted()
    runner.purge_trash()
    for slug, count in runner.tasks_due().items():
        ring(slug, times=count)
    validations.give_up_exhausted()
    if validations.are_due():
        ring_validations()


def ring(slug: str, *, times: int = 1) -> bool:
    """Queue a task for a model; False when the broker is down, and the sweeper will ring later."""
    try:
        for _ in range(times):
            run_predictions.delay(slug)
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); what waits is kept", error)
        return False
    return True


def ring_validations() -> bool:
    """Queue the next turn of validations; False when the broker is down, as `ring`."""
    try:
        run_validations.delay()
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); what waits is kept", error)
        return False
    return True
