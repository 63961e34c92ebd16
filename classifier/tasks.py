"""Celery tasks: a message is only the doorbell, the database says what there is to do."""

import logging

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from classifier.inference import explanation, runner

logger = logging.getLogger(__name__)


@shared_task(bind=True)
def run_predictions(self: "Task[[str], None]", slug: str) -> None:
    """Run what is next in line; the model for which it was queued says where to route it."""
    runner.run_waiting(claim=str(self.request.id))


@shared_task(bind=True)
def run_explanations(self: "Task[[], None]") -> None:
    """Make one map, after the predictions that are next in line: these take less time."""
    claim = str(self.request.id)
    runner.run_waiting(claim=claim)
    explanation.run_next(claim=claim)


@shared_task
def sweep() -> None:
    """Ring again for what waits: a lost message loses nothing; and empty old trash."""
    runner.give_up_exhausted()
    explanation.give_up_exhausted()
    runner.purge_trash()
    for slug, count in runner.tasks_due().items():
        ring(slug, times=count)
    for _ in range(explanation.waiting()):
        ring_for_explanation()


def ring(slug: str, *, times: int = 1) -> bool:
    """Queue a task for a model; False when the broker is down, and the sweeper will ring later."""
    return _queued(run_predictions, slug, times=times)


def ring_for_explanation() -> bool:
    """The same for a map."""
    return _queued(run_explanations)


def _queued(task: "Task[..., None]", *arguments: str, times: int = 1) -> bool:
    try:
        for _ in range(times):
            task.delay(*arguments)
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); what waits is kept", error)
        return False
    return True
