"""What the work that is done in turns has in common: who goes on, and how it ends."""

import logging
from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from classifier.errors import PlainError
from classifier.inference import loader
from classifier.inference.connection import sound_connection
from classifier.inference.runner import UNAVAILABLE, UNEXPECTED
from classifier.models import Status, WorkQuerySet
from classifier.models.work import Row

logger = logging.getLogger(__name__)

EXHAUSTED = "The worker stopped each time it tried this, so it was given up. Try again."


def run_turn(
    rows: WorkQuerySet[Row], go_on: Callable[[Row], None], *, claim: str, too_long: str
) -> bool:
    """Go on with what has waited longest; False where nothing waits.

    The failure ladder: safe words for the person, the cause for the log. `claim` is the id of the
    Celery task; `too_long` is said where a turn takes longer than a task may.
    """
    row = rows.claim_next(claim)
    if row is None:
        return False
    kind = row._meta.verbose_name
    try:
        with sound_connection():
            go_on(row)
    except PlainError as error:
        fail(rows, row, str(error))
    except loader.ModelUnavailable as error:
        logger.error("%s %s: %s", kind, row.pk, error)
        fail(rows, row, UNAVAILABLE)
    except SoftTimeLimitExceeded:
        logger.warning("%s %s took too long", kind, row.pk)
        fail(rows, row, too_long)
    except (OperationalError, InterfaceError):
        # As with predictions: it is taken up again when the database is back.
        raise
    except Exception:
        logger.exception("%s %s failed", kind, row.pk)
        fail(rows, row, UNEXPECTED)
    return True


def pause(rows: WorkQuerySet[Row], row: Row) -> None:
    """Make room for what came meanwhile; with each turn that gets further, attempts start anew."""
    rows.held(row).update(status=Status.PENDING, attempts=0, claim="")


def fail(rows: WorkQuerySet[Row], row: Row, message: str) -> None:
    """End it with words for people, unless it was deleted or taken over meanwhile."""
    rows.held(row).update(
        status=Status.FAILURE, error_message=message[:300], finished_at=timezone.now()
    )


def give_up_exhausted(rows: WorkQuerySet[Row]) -> int:
    """End those whose every attempt died with its worker; returns how many."""
    return int(
        rows.exhausted().update(
            status=Status.FAILURE, error_message=EXHAUSTED, finished_at=timezone.now()
        )
    )
