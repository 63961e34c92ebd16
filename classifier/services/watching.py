"""What people make of what is watched: seen, or the beginning of a new reference period."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from classifier.models import ReviewState, Role, Watch, may
from classifier.services.permissions import NotAllowed
from classifier.statistics.intervals import Interval, wilson_interval
from classifier.statistics.watching import REFERENCE, WINDOW

MONTHS_SHOWN: Final = 24


@dataclass(frozen=True)
class Agreement:
    """How often reviewers confirmed what a model said of images of a month."""

    month: datetime
    reviewed: int
    confirmed: int

    @property
    def share(self) -> float:
        return self.confirmed / self.reviewed

    @property
    def interval(self) -> Interval:
        """95 % interval."""
        return wilson_interval(self.confirmed, self.reviewed)


@dataclass(frozen=True)
class Progress:
    """How far a watch has come: so many of what its reference or next window takes."""

    is_reference: bool
    done: int
    total: int


def agreement(watch: Watch) -> list[Agreement]:
    """By month, the newest first; of what somebody said to be a class or none of them."""
    reviewed = watch.predictions().filter(
        review_state__in=[ReviewState.CONFIRMED, ReviewState.CORRECTED]
    )
    months = (
        reviewed.order_by()
        .values(month=TruncMonth("created_at"))
        .annotate(n=Count("pk"), confirmed=Count("pk", Q(review_state=ReviewState.CONFIRMED)))
        .order_by("-month")
    )
    return [Agreement(row["month"], row["n"], row["confirmed"]) for row in months[:MONTHS_SHOWN]]


def progress(watch: Watch) -> Progress:
    total = REFERENCE if watch.reference_until is None else WINDOW
    done = watch.following(None)[:total].count()
    return Progress(watch.reference_until is None, done, total)


def seen(*, person: User, watch: Watch) -> None:
    """Say that its alarms were seen, so that nobody is told of them any longer.

    Raises NotAllowed.
    """
    check_minds(person, watch)
    watch.looks.unseen().update(seen_at=timezone.now())


@transaction.atomic
def begin_anew(*, person: User, watch: Watch) -> None:
    """Take what comes from now on as the reference period; alarms count as seen.

    Raises NotAllowed.
    """
    check_minds(person, watch)
    now = timezone.now()
    Watch.objects.filter(pk=watch.pk).update(
        reference_from=now, reference_until=None, tested_until=None
    )
    watch.looks.unseen().update(seen_at=now)


def check_minds(person: User, watch: Watch) -> None:
    """Raises NotAllowed for who only looks on."""
    if watch.role_of(person) not in {Role.OWNER, Role.READER} and not may(person, "change", Watch):
        raise NotAllowed("You may look at what is watched in this project, but change nothing.")
