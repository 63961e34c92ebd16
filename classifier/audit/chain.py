"""Seals over the audit trail: making them, checking them, and what is too old."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from classifier.audit.recording import record
from classifier.models import AuditEvent, AuditSeal

logger = logging.getLogger(__name__)

SEALED_AT_ONCE: Final = 1_000
SEALS_PRUNED_AT_ONCE: Final = 500
SEALS_READ_AT_ONCE: Final = 200


@dataclass(frozen=True)
class Verdict:
    """What a look through the whole trail found.

    Attributes:
        head: the last seal as `sequence:digest`; empty where there is none.
        problems: sentences, each about one event or seal; none where nothing was changed.
    """

    events: int
    unsealed: int
    head: str
    problems: tuple[str, ...]


def seal() -> int:
    """Seal what is new; returns how many events. Safe to run anywhere at the same time.

    Of two that run at once one finds the number of its seal taken, and leaves it to the other.
    """
    sealed = 0
    try:
        while number := _seal_some():
            sealed += number
    except IntegrityError:
        logger.info("Another process is sealing the audit trail")
    return sealed


@transaction.atomic
def _seal_some() -> int:
    events = list(AuditEvent.objects.unsealed()[:SEALED_AT_ONCE])
    if not events:
        return 0
    last = AuditSeal.objects.last()
    made = AuditSeal(
        sequence=last.sequence + 1 if last else 1,
        previous=last.digest if last else "",
        event_keys=[event.pk for event in events],
    )
    made.digest = made.computed_digest(event.digest for event in events)
    made.save(force_insert=True)
    AuditEvent.objects.filter(pk__in=made.event_keys).update(seal=made)
    transaction.on_commit(lambda: logger.info("Audit trail sealed: %s", made))
    return len(events)


def prune() -> int:
    """Delete whole seals that are older than AUDIT_DAYS, some at a time; returns how many events.

    The last seal stays, so that the next one builds on it; an event says how far it went.
    """
    limit = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    old = list(AuditSeal.objects.filter(sealed_at__lt=limit)[: SEALS_PRUNED_AT_ONCE + 1])
    newest = AuditSeal.objects.last()
    old = [each for each in old if each != newest][:SEALS_PRUNED_AT_ONCE]
    if not old:
        return 0
    with transaction.atomic():
        number, _ = AuditEvent.objects.filter(seal__in=old).delete()
        AuditSeal.objects.filter(pk__in=[each.pk for each in old]).delete()
        record(AuditEvent.Action.PRUNED, through=str(old[-1]), number=number)
    return number


def verify(*, expected: str = "") -> Verdict:
    """Look through the whole trail.

    Args:
        expected: a seal as `sequence:digest`, as the log has it, that must be there.
    """
    problems: list[str] = []
    events, last, is_there = 0, None, False
    seals = AuditSeal.objects.order_by("sequence").prefetch_related("events")
    for each in seals.iterator(chunk_size=SEALS_READ_AT_ONCE):
        covered = {event.pk: event for event in each.events.all()}
        problems += _link_problems(each, last)
        problems += _event_problems(covered.values())
        problems += _seal_problems(each, covered)
        events, last = events + len(covered), each
        is_there = is_there or str(each) == expected
    if expected and not is_there:
        problems.append(f"Seal {expected} is not in the trail, or not any more.")
    unsealed = list(AuditEvent.objects.unsealed())
    problems += _event_problems(unsealed)
    return Verdict(
        events=events + len(unsealed),
        unsealed=len(unsealed),
        head=str(last or ""),
        problems=tuple(problems),
    )


def _link_problems(seal: AuditSeal, last: AuditSeal | None) -> Iterator[str]:
    if last is None:
        before = f"{seal.sequence - 1}:{seal.previous}"
        pruned = AuditEvent.objects.filter(action=AuditEvent.Action.PRUNED)
        known = {event.details.get("through") for event in pruned}
        if seal.sequence > 1 and before not in known:
            yield f"All before seal {seal.sequence} is missing."
    elif seal.sequence != last.sequence + 1:
        yield f"The seals between {last.sequence} and {seal.sequence} are missing."
    elif seal.previous != last.digest:
        yield f"Seal {seal.sequence} does not build on seal {last.sequence}."


def _event_problems(events: Iterable[AuditEvent]) -> Iterator[str]:
    for event in events:
        if event.digest != event.computed_digest():
            yield f"Event {event.pk} of {event.made_at:%Y-%m-%d %H:%M} was changed."


def _seal_problems(seal: AuditSeal, covered: dict[int, AuditEvent]) -> Iterator[str]:
    gone = [key for key in seal.event_keys if key not in covered]
    added = covered.keys() - set(seal.event_keys)
    yield from (f"Event {key} of seal {seal.sequence} was deleted." for key in gone)
    yield from (f"Event {key} was added to seal {seal.sequence}." for key in sorted(added))
    digests = (covered[key].digest for key in seal.event_keys if key in covered)
    if not gone and seal.digest != seal.computed_digest(digests):
        yield f"Seal {seal.sequence}, or a digest of its events, was changed."
