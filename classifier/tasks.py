"""Celery tasks: a message is only the doorbell, the database says what there is to do."""

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import Final

from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from classifier import audit, retention
from classifier.inference import (
    adaptations,
    explanation,
    loader,
    model_imports,
    runner,
    validations,
    watching,
)
from classifier.models import TrainedModel
from classifier.notifications import alarms, finished, sending

logger = logging.getLogger(__name__)

# Whoever waits for the broker longer goes on without it; the sweeper rings later.
BROKER_SECONDS: Final = 5


@shared_task(bind=True)
def run_predictions(self: "Task[[str], None]", slug: str) -> None:
    """Run what is next in line; the model for which it was queued says where to route it."""
    done = runner.run_waiting(claim=str(self.request.id), call_another=partial(ring, slug))
    if done and finished.queue_messages():
        ring_for_webhooks()


@shared_task(bind=True)
def run_explanations(self: "Task[[], None]") -> None:
    """Make one map, after the predictions that are next in line: these take less time."""
    claim = str(self.request.id)
    runner.run_waiting(claim=claim)
    explanation.run_next(claim=claim)


@shared_task(bind=True)
def run_validations(self: "Task[[], None]") -> None:
    """Go on with a validation for a while, and then make room for what came meanwhile."""
    if validations.run_turn(claim=str(self.request.id)):
        ring_validations()


@shared_task(bind=True)
def run_adaptations(self: "Task[[], None]") -> None:
    """The same for an adaptation, or for a model that is brought from elsewhere."""
    claim = str(self.request.id)
    if model_imports.run_turn(claim=claim) or adaptations.run_turn(claim=claim):
        ring_adaptations()


@shared_task
def run_webhooks() -> None:
    """Send some of the messages to webhooks, and make room for what came meanwhile."""
    if sending.send_due() and sending.are_due():
        ring_for_webhooks()


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
    validations.give_up_exhausted()
    if validations.are_due():
        ring_validations()
    adaptations.give_up_exhausted()
    model_imports.give_up_exhausted()
    if adaptations.are_due() or model_imports.are_due():
        ring_adaptations()
    finished.queue_messages()
    if sending.are_due():
        ring_for_webhooks()


@shared_task
def keep_audit() -> None:
    """Seal what is new in the audit trail, and delete what is too old."""
    audit.seal()
    audit.prune()


@shared_task
def load_model(slug: str) -> None:
    """Have a model in memory before somebody waits for it; a broken one is named in the log."""
    try:
        loader.load(TrainedModel.objects.get(slug=slug))
    except (TrainedModel.DoesNotExist, loader.ModelUnavailable) as error:
        logger.error("Model %s cannot be loaded: %s", slug, error)


@shared_task
def watch() -> None:
    """Look for what has changed or is wrong, and send the mails that people asked for."""
    watching.look()
    alarms.watch()
    finished.send_mails()
    sending.forget_old()


@shared_task
def retain() -> None:
    """Take what is older than the installation keeps, some at a time."""
    retention.apply()


def ring(slug: str, *, times: int = 1) -> bool:
    """Queue a task for a model; False when the broker is down, and the sweeper will ring later.

    A message that no worker has taken yet counts as one of the `times`: whoever takes it finds all
    that is committed by now.
    """
    return _queued(lambda: [run_predictions.delay(slug) for _ in range(times - messages_waiting())])


def ring_for_explanation() -> bool:
    """The same for a map."""
    return _queued(run_explanations.delay)


def ring_for_webhooks() -> bool:
    """The same for messages to webhooks."""
    return _queued(run_webhooks.delay)


def ring_to_load(slug: str) -> bool:
    """A message for each worker process of a machine; who gets two finds the model there."""
    return _queued(
        lambda: [load_model.delay(slug) for _ in range(settings.CELERY_WORKER_CONCURRENCY)]
    )


def _queued(queue: Callable[[], object]) -> bool:
    try:
        queue()
    except (OperationalError, RedisError) as error:
        logger.warning("The broker cannot be reached (%s); what waits is kept", error)
        return False
    return True


def ring_validations() -> bool:
    """The same for the next turn of validations."""
    return _queued(run_validations.delay)


def ring_adaptations() -> bool:
    """The same for the next turn of adaptations and imports."""
    return _queued(run_adaptations.delay)


def messages_waiting() -> int:
    """How many messages lie in the broker. Raises RedisError without one."""
    return int(_redis().llen(settings.CELERY_TASK_DEFAULT_QUEUE))


@cache
def _redis() -> Redis:
    """A client of our own, which threads may share; those of Celery's producers they may not."""
    address = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
    return Redis.from_url(address, socket_timeout=BROKER_SECONDS)
