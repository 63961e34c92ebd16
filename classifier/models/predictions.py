"""Predictions, from the queue to the result."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from classifier.models.access import may
from classifier.models.batches import Batch
from classifier.models.images import ImageUpload
from classifier.models.trained import TrainedModel
from classifier.preprocessing import Crop

CROP_CHOICES: Final = [(crop.value, crop.value.title()) for crop in Crop]


class Status(models.TextChoices):
    """Celery's vocabulary with words for people."""

    PENDING = "PENDING", "Queued"
    STARTED = "STARTED", "Running"
    SUCCESS = "SUCCESS", "Succeeded"
    FAILURE = "FAILURE", "Failed"


@dataclass(frozen=True)
class Progress:
    """How far a batch has come."""

    counts: dict[str, int]
    ran: int = 0
    first_started_at: datetime | None = None
    last_finished_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def unfinished(self) -> int:
        return self.counts[Status.PENDING] + self.counts[Status.STARTED]

    @property
    def finished_at(self) -> datetime | None:
        return None if self.unfinished else self.last_finished_at

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first result."""
        if not self.unfinished:
            return 0.0
        if not self.ran or self.first_started_at is None:
            return None
        passed = (timezone.now() - self.first_started_at).total_seconds()
        return round(self.unfinished * passed / self.ran, 1)


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def owned_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(image__owner_id=user.pk)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Everyone sees their own; all are for staff with the permission to view them."""
        return self.all() if may(user, "view", self.model) else self.owned_by(user)

    def with_relations(self) -> Self:
        return self.select_related("image", "trained_model")

    def out_of_distribution(self) -> Self:
        """Of images that do not look like what their model was trained on."""
        return self.filter(in_distribution=False)

    def unfinished(self) -> Self:
        """Waiting or running, by the one condition that SQLite finds in the index of these rows.

        It cannot see that a status sent as a parameter is among those of the index, and would look
        through everything that a model ever answered.
        """
        return self.filter(finished_at__isnull=True)

    def unfinished_of(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Asks of each unfinished row whose it is; a join would start from all of their images."""
        own = ImageUpload.objects.filter(pk=OuterRef("image_id"), owner_id=user.pk)
        return self.unfinished().filter(Exists(own))

    def overdue(self) -> Self:
        """Started so long ago that the process which claimed them cannot be alive."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        return self.unfinished().filter(status=Status.STARTED, started_at__lt=limit)

    def claimable(self, claim: str = "") -> Self:
        """Waiting, left behind by a dead process, or already this claim's own."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        started = Q(started_at__lt=limit) | (Q(claim=claim) & ~Q(claim=""))
        return self.unfinished().filter(
            Q(status=Status.PENDING) | Q(Q(status=Status.STARTED) & started),
            attempts__lt=settings.PREDICTION_MAX_ATTEMPTS,
        )

    def claim_batch(self, trained_model: TrainedModel, claim: str) -> list["Prediction"]:
        """Take the oldest waiting predictions of a model, as many as fit into one batch.

        A prediction that was tried before is taken alone: should its image be what kills the
        process, it then takes no other with it. The UPDATE repeats the condition of the SELECT, so
        of two workers that chose the same row one gets it.
        """
        waiting = self.claimable(claim).filter(trained_model=trained_model)
        waiting = waiting.order_by("-attempts", "created_at")
        oldest = list(waiting.values_list("pk", "attempts")[: settings.PREDICTION_BATCH_SIZE])
        tried_before = bool(oldest and oldest[0][1])
        keys = [key for key, _ in (oldest[:1] if tried_before else oldest)]
        if not keys:
            return []
        self.claimable(claim).filter(pk__in=keys).update(
            status=Status.STARTED,
            claim=claim,
            started_at=timezone.now(),
            attempts=F("attempts") + 1,
        )
        taken = self.filter(pk__in=keys, status=Status.STARTED, claim=claim)
        claimed = list(taken.select_related("image").order_by("created_at"))
        for prediction in claimed:
            # Reading the model anew for each row would take longer than a small network does.
            prediction.trained_model = trained_model
        return claimed

    @transaction.atomic
    def write_claimed(self, predictions: Iterable["Prediction"], fields: Sequence[str]) -> None:
        """Write fields of predictions, each only where its claim still holds.

        A row that was deleted, taken over or finished meanwhile stays as it is. One statement runs
        for all rows: `update` in a loop composes its SQL anew for each, and takes six times as
        long, `bulk_update` longer still.
        """
        known = {field.name: field for field in self.model._meta.concrete_fields}
        columns = [known[name] for name in (*fields, "id", "claim")]
        assignments = ", ".join(f"{column.column} = %s" for column in columns[:-2])
        rows = [
            [
                column.get_db_prep_save(column.value_from_object(row), connection)
                for column in columns
            ]
            for row in predictions
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {self.model._meta.db_table} SET {assignments} "  # noqa: S608, names of ours
                f"WHERE id = %s AND claim = %s AND status = '{Status.STARTED}'",
                rows,
            )

    def in_order(self) -> Self:
        """As they were sent."""
        return self.order_by("created_at", "pk")

    def progress(self, batches: Iterable[Batch]) -> dict[uuid.UUID, Progress]:
        """How far each of the batches has come, in one query."""
        keys = [batch.pk for batch in batches]
        rows = (
            self.filter(batch__in=keys)
            .order_by()
            .values("batch_id")
            .annotate(
                **{status: Count("pk", Q(status=status)) for status in Status.values},
                # What was cancelled ended without having run, and says nothing about the pace.
                ran=Count("pk", Q(finished_at__isnull=False, started_at__isnull=False)),
                first_started_at=Min("started_at"),
                last_finished_at=Max("finished_at"),
            )
        )
        found = {row["batch_id"]: _progress({**row}) for row in rows}
        return {key: found.get(key, Progress(dict.fromkeys(Status.values, 0))) for key in keys}

    def exhausted(self) -> Self:
        """Overdue, with every attempt used up."""
        return self.overdue().filter(attempts__gte=settings.PREDICTION_MAX_ATTEMPTS)


def _progress(row: dict[str, Any]) -> Progress:
    return Progress(
        counts={status: row[status] for status in Status.values},
        ran=row["ran"],
        first_started_at=row["first_started_at"],
        last_finished_at=row["last_finished_at"],
    )


class Prediction(models.Model):
    """One model's answer about one image, from the queue to the result."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image = models.ForeignKey(ImageUpload, on_delete=models.CASCADE, related_name="predictions")
    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.PROTECT, related_name="predictions"
    )
    # Its index serves progress, the results of a batch and their cancelling.
    batch = models.ForeignKey(
        Batch, on_delete=models.SET_NULL, null=True, blank=True, related_name="predictions"
    )
    crop = models.CharField(
        max_length=6,
        choices=CROP_CHOICES,
        default=Crop.AUTO.value,
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(
        max_length=64, blank=True, help_text="Id of the Celery task that took it up last."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    model_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Version of the model that answered."
    )
    predicted_label = models.CharField("predicted class", max_length=80, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    # A list of [label, probability] in class order: JSON objects lose their order on PostgreSQL.
    probabilities = models.JSONField(null=True, blank=True)
    # Both null where the model's bundle has no uncertainty.npz.
    in_distribution = models.BooleanField(
        null=True, blank=True, help_text="Whether the image looks like the training data."
    )
    prediction_set = models.JSONField(
        null=True, blank=True, help_text="Labels that may be right, the most probable first."
    )
    error_message = models.CharField(max_length=300, blank=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            # History and the API's list: newest first.
            models.Index(fields=["-created_at"], name="prediction_newest"),
            # claim_batch, claimable, exhausted, unfinished_of: it stays small.
            models.Index(
                fields=["trained_model", "-attempts", "created_at"],
                condition=Q(finished_at__isnull=True),
                name="prediction_unfinished",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="prediction_success_has_result",
                condition=~Q(status="SUCCESS")
                | (
                    ~Q(predicted_label="")
                    & Q(
                        probabilities__isnull=False,
                        confidence__isnull=False,
                        model_version__isnull=False,
                        finished_at__isnull=False,
                    )
                ),
            ),
            models.CheckConstraint(
                name="prediction_failure_has_message",
                condition=~Q(status="FAILURE")
                | (~Q(error_message="") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="prediction_unfinished_has_no_end",
                condition=Q(finished_at__isnull=True) | Q(status__in=["SUCCESS", "FAILURE"]),
            ),
            models.CheckConstraint(
                name="prediction_confidence_is_probability",
                condition=Q(confidence__isnull=True) | Q(confidence__gte=0.0, confidence__lte=1.0),
            ),
            models.CheckConstraint(
                name="prediction_uncertainty_is_whole",
                condition=Q(in_distribution__isnull=True, prediction_set__isnull=True)
                | Q(
                    status="SUCCESS",
                    in_distribution__isnull=False,
                    prediction_set__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} · {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("web:prediction", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.SUCCESS, Status.FAILURE}

    @property
    def queue_position(self) -> int:
        """1 for the next in line; the whole queue counts, since models share the workers."""
        ahead = Prediction.objects.filter(status=Status.PENDING, created_at__lt=self.created_at)
        return int(ahead.count()) + 1

    @property
    def ranked_probabilities(self) -> list[tuple[str, float]]:
        """Classes with their probabilities, in the order of the model's classes."""
        return [(label, probability) for label, probability in self.probabilities or ()]
