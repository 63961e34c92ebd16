"""How well a model does on a labelled set, from the queue to the report."""

import uuid
from datetime import timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from classifier.models.access import may
from classifier.models.labelled_sets import LabelledImage, LabelledSet
from classifier.models.trained import TrainedModel
from classifier.models.vocabulary import Status


class ValidationQuerySet(models.QuerySet["Validation"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        if may(user, "view", self.model):
            return self.all()
        return self.filter(labelled_set__in=LabelledSet.objects.of(user).values("pk"))

    def with_relations(self) -> Self:
        return self.select_related("labelled_set", "trained_model")

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
    def claim_next(self, claim: str) -> "Validation | None":
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


class Validation(models.Model):
    """One model on one labelled set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    labelled_set = models.ForeignKey(
        LabelledSet, on_delete=models.CASCADE, related_name="validations", db_index=False
    )
    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.CASCADE, related_name="validations"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(
        max_length=64, blank=True, help_text="Id of the Celery task that took it up last."
    )
    done = models.PositiveIntegerField(default=0, help_text="Images that the model has answered.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(
        null=True, blank=True, help_text="When its worker last said how far it is."
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    model_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Version of the model that answered."
    )
    report = models.JSONField(null=True, blank=True, help_text="The figures, once they are there.")
    error_message = models.CharField(max_length=300, blank=True)

    objects = ValidationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            # What the set's page lists, newest first.
            models.Index(fields=["labelled_set", "-created_at"], name="validation_of_set"),
            # claim_next; stays small.
            models.Index(
                fields=["created_at"],
                condition=Q(finished_at__isnull=True),
                name="validation_unfinished",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["labelled_set", "trained_model"],
                condition=Q(finished_at__isnull=True),
                name="validation_once_at_a_time",
            ),
            models.CheckConstraint(
                name="validation_success_has_report",
                condition=~Q(status="SUCCESS")
                | Q(report__isnull=False, model_version__isnull=False, finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="validation_failure_has_message",
                condition=~Q(status="FAILURE")
                | (~Q(error_message="") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="validation_unfinished_has_no_end",
                condition=Q(finished_at__isnull=True) | Q(status__in=["SUCCESS", "FAILURE"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trained_model} · {self.labelled_set}"

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.SUCCESS, Status.FAILURE}


class ValidationAnswer(models.Model):
    """What the model of a validation says of one image."""

    validation = models.ForeignKey(
        Validation, on_delete=models.CASCADE, related_name="answers", db_index=False
    )
    labelled_image = models.ForeignKey(
        LabelledImage, on_delete=models.CASCADE, related_name="answers"
    )
    predicted_label = models.CharField("predicted class", max_length=80)
    probabilities = models.JSONField(help_text="In the order of the model's classes.")
    # Both null where the model's bundle has no uncertainty.npz.
    in_distribution = models.BooleanField(null=True, blank=True)
    prediction_set = models.JSONField(null=True, blank=True)
    features = models.BinaryField(
        null=True, blank=True, help_text="float16, until the validation has ended."
    )
    thumbnail = models.BinaryField(
        null=True, blank=True, help_text="Grey pixels by which twins are found, as long."
    )

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar = [
            # A worker that goes on where another one stopped doubles nothing.
            models.UniqueConstraint(
                fields=["validation", "labelled_image"], name="validation_answer_once"
            ),
            models.CheckConstraint(
                name="validation_answer_uncertainty_is_whole",
                condition=Q(in_distribution__isnull=True, prediction_set__isnull=True)
                | Q(in_distribution__isnull=False, prediction_set__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.predicted_label
