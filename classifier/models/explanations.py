"""Where in an image a model found what speaks for its answer, made when somebody asks."""

import uuid
from datetime import timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from classifier.models.predictions import Prediction
from classifier.models.vocabulary import Status


class Method(models.TextChoices):
    """How a map is made: those of `classifier.bundles.schema.ExplanationMethod`."""

    GRAD_CAM = "grad-cam", "Grad-CAM"
    OCCLUSION = "occlusion", "Occlusion"


class ExplanationQuerySet(models.QuerySet["Explanation"]):
    def unfinished(self) -> Self:
        return self.filter(finished_at__isnull=True)

    def unfinished_of(self, user: User) -> Self:
        """What a person asked for; of what lies in the trash nothing is made."""
        return self.unfinished().filter(asked_by=user, prediction__deleted_at__isnull=True)

    def overdue(self) -> Self:
        """Started so long ago that the process which claimed them cannot be alive."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        return self.unfinished().filter(status=Status.STARTED, started_at__lt=limit)

    def exhausted(self) -> Self:
        """Overdue, with every attempt used up."""
        return self.overdue().filter(attempts__gte=settings.PREDICTION_MAX_ATTEMPTS)

    def claimable(self, claim: str = "") -> Self:
        """Waiting, left behind by a dead process, or already this claim's own."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        started = Q(started_at__lt=limit) | (Q(claim=claim) & ~Q(claim=""))
        return self.unfinished().filter(
            Q(status=Status.PENDING) | Q(Q(status=Status.STARTED) & started),
            attempts__lt=settings.PREDICTION_MAX_ATTEMPTS,
            prediction__deleted_at__isnull=True,
        )

    def next_turn(self, user: User) -> int:
        """The turn of the next one that a person asks for: each person has one in a turn."""
        turns = self.unfinished().order_by("turn").values_list("turn", flat=True)
        own_last = turns.filter(asked_by=user).last()
        running = turns.filter(attempts=0).first() or 0
        return running if own_last is None else max(running, own_last + 1)

    @transaction.atomic(savepoint=False)
    def claim_next(self, claim: str) -> "Explanation | None":
        """Take what is next in line; None when nothing waits.

        The UPDATE repeats the condition of the SELECT, so that of two workers one goes without.
        """
        waiting = self.claimable(claim).order_by("-attempts", "turn", "created_at")
        key = waiting.values_list("pk", flat=True).first()
        if key is None:
            return None
        taken = (
            self.claimable(claim)
            .filter(pk=key)
            .update(
                status=Status.STARTED,
                claim=claim,
                started_at=timezone.now(),
                attempts=F("attempts") + 1,
            )
        )
        related = self.select_related("prediction__image", "prediction__trained_model")
        return related.get(pk=key) if taken else None

    def end_claimed(self, explanation: "Explanation", **values: object) -> None:
        """Write how it ended, unless it was deleted or taken over meanwhile."""
        self.filter(pk=explanation.pk, claim=explanation.claim, status=Status.STARTED).update(
            finished_at=timezone.now(), **values
        )


class Explanation(models.Model):
    """One method's map for the predicted class of one prediction; it goes with the prediction."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prediction = models.ForeignKey(
        Prediction, on_delete=models.CASCADE, related_name="explanations", db_index=False
    )
    method = models.CharField(max_length=9, choices=Method)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="explanations",
        db_index=False,
        help_text="Against whose limit it counts.",
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    turn = models.PositiveIntegerField(
        default=0, help_text="Its round in the queue: each person has one in a round."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(
        max_length=64, blank=True, help_text="Id of the Celery task that took it up last."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Some kilobytes, which no list reads.
    map = models.BinaryField(
        null=True,
        blank=True,
        help_text="Grey PNG over the pixels that the model saw; 255 where most speaks for the "
        "class, 0 everywhere where nothing was found.",
    )
    error_message = models.CharField(max_length=300, blank=True)

    objects = ExplanationQuerySet.as_manager()

    class Meta:
        ordering = ("method",)
        indexes: ClassVar = [
            # claim_next and next_turn; it stays small.
            models.Index(
                fields=["-attempts", "turn", "created_at"],
                condition=Q(finished_at__isnull=True),
                name="explanation_in_line",
            ),
            # unfinished_of, and whose account is deleted.
            models.Index(fields=["asked_by"], name="explanation_asked_by"),
        ]
        constraints: ClassVar = [
            # Those of a prediction, too.
            models.UniqueConstraint(fields=["prediction", "method"], name="explanation_once"),
            models.CheckConstraint(
                name="explanation_method_is_known", condition=Q(method__in=Method.values)
            ),
            models.CheckConstraint(
                name="explanation_has_map_once_it_succeeded",
                condition=Q(status="SUCCESS", map__isnull=False, finished_at__isnull=False)
                | (~Q(status="SUCCESS") & Q(map__isnull=True)),
            ),
            models.CheckConstraint(
                name="explanation_failure_has_message",
                condition=~Q(status="FAILURE")
                | (~Q(error_message="") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="explanation_unfinished_has_no_end",
                condition=Q(finished_at__isnull=True) | Q(status__in=["SUCCESS", "FAILURE"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} · {self.get_status_display()}"

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.SUCCESS, Status.FAILURE}

    @property
    def elapsed(self) -> int:
        """Seconds since it was asked for."""
        return int((timezone.now() - self.created_at).total_seconds())
