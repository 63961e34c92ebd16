"""What a worker does in turns: a row waits, is claimed, is heard of while it runs, and ends."""

import uuid
from datetime import timedelta
from typing import ClassVar, Self, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from classifier.models.vocabulary import Status

Row = TypeVar("Row", bound="Work")


class WorkQuerySet(models.QuerySet[Row]):
    """The queue of one kind of work; the database is the truth, whatever becomes of messages."""

    def with_relations(self) -> Self:
        """With what a worker needs of other tables."""
        return self

    def unfinished(self) -> Self:
        return self.filter(finished_at__isnull=True)

    def overdue(self) -> Self:
        """Not heard of for so long that the process which claimed them cannot be alive."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        return self.unfinished().filter(status=Status.STARTED, heard_at__lt=limit)

    def is_due(self) -> bool:
        """Whether one waits and no worker is at any, which would go on with the next by itself."""
        lately = timezone.now() - timedelta(seconds=2 * settings.SWEEP_INTERVAL)
        is_at_it = self.unfinished().filter(heard_at__gte=lately).exists()
        return not is_at_it and self.claimable().exists()

    def exhausted(self) -> Self:
        """Overdue, with every attempt used up."""
        return self.overdue().filter(attempts__gte=settings.PREDICTION_MAX_ATTEMPTS)

    def claimable(self, claim: str = "") -> Self:
        """Waiting, left behind by a dead process, or already this claim's own."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        started = Q(heard_at__lt=limit) | (Q(claim=claim) & ~Q(claim=""))
        return self.unfinished().filter(
            Q(status=Status.PENDING) | (Q(status=Status.STARTED) & started),
            attempts__lt=settings.PREDICTION_MAX_ATTEMPTS,
        )

    @transaction.atomic(savepoint=False)
    def claim_next(self, claim: str) -> Row | None:
        """Take what has waited longest, by an UPDATE that repeats the condition of the SELECT."""
        waiting = self.claimable(claim).order_by("created_at", "pk")
        locked = waiting.select_for_update(skip_locked=True, no_key=True)
        key = locked.values_list("pk", flat=True).first()
        if key is None:
            return None
        now = timezone.now()
        taken = (
            self.claimable(claim)
            .filter(pk=key)
            .update(
                status=Status.STARTED,
                claim=claim,
                # Of the first turn of several.
                started_at=Coalesce("started_at", now),
                heard_at=now,
                attempts=F("attempts") + 1,
            )
        )
        return self.with_relations().get(pk=key) if taken else None

    def held(self, row: Row) -> Self:
        """The row, as long as its claim holds it: what was deleted or taken over stays as it is."""
        return self.filter(pk=row.pk, claim=row.claim, status=Status.STARTED)


class Work(models.Model):
    """State, claim and end of something that a worker does."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(
        max_length=64, blank=True, help_text="Id of the Celery task that took it up last."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(
        null=True, blank=True, help_text="When its worker last said how far it is."
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    error_message = models.CharField(max_length=300, blank=True)

    class Meta:
        abstract = True
        ordering = ("-created_at",)
        indexes: ClassVar = [
            # claim_next; stays small.
            models.Index(
                fields=["created_at"],
                condition=Q(finished_at__isnull=True),
                name="%(class)s_unfinished",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="%(class)s_failure_has_message",
                condition=~Q(status="FAILURE")
                | (~Q(error_message="") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="%(class)s_unfinished_has_no_end",
                condition=Q(finished_at__isnull=True) | Q(status__in=["SUCCESS", "FAILURE"]),
            ),
        ]

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.SUCCESS, Status.FAILURE}
