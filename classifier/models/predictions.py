"""Predictions, from the queue to the result and to what people make of it."""

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.lookups import GreaterThan
from django.urls import reverse
from django.utils import timezone

from classifier.models.batches import ALL_CROPS, Batch
from classifier.models.expressions import ArrayLength
from classifier.models.images import ImageUpload
from classifier.models.prediction_querysets import PredictionQuerySet
from classifier.models.projects import Project
from classifier.models.trained import TrainedModel
from classifier.models.vocabulary import (
    CANNOT_TELL,
    UNDECIDED,
    UNLIKE_TRAINING,
    WORDS_BESIDE_CLASSES,
    BoxOrigin,
    Certainty,
    LimitsStep,
    ReviewState,
    Status,
)
from classifier.preprocessing import Box, Crop

# Further back in the queue a number helps nobody, and counting to it costs.
LAST_COUNTED_POSITION: Final = 1_000


def _own(field: str, *, name: str) -> models.Index:
    """One's own rows of one kind, newest first."""
    return models.Index(fields=["owner", field, "-created_at", "-id"], name=name)


def _everyones(field: str, *, name: str) -> models.Index:
    """Everyone's rows of one kind, newest first, without the trash.

    Counts of a period read nothing but this index: its condition has no parameter, so that SQLite
    sees that it holds.
    """
    return models.Index(
        fields=[field, "-created_at", "-id"], condition=Q(deleted_at__isnull=True), name=name
    )


class Prediction(models.Model):
    """One model's answer about one image, from the queue to the result.

    What people said of it stands in rows of `Review`; `reviewed_label`, `note` and `reviewed_at`
    repeat the last of them, so that lists can be filtered without a join. The model's own answer is
    never overwritten.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The same as the image's: lists need no join to find whose a row is.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="predictions",
        db_index=False,
    )
    # The same as the batch's.
    project = models.ForeignKey(
        Project,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="predictions",
        db_index=False,
    )
    image = models.ForeignKey(ImageUpload, on_delete=models.CASCADE, related_name="predictions")
    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.PROTECT, related_name="predictions", db_index=False
    )
    batch = models.ForeignKey(
        Batch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="predictions",
        db_index=False,
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="cells",
        help_text="The field of many cells that this one was cut from.",
    )
    crop = models.CharField(max_length=6, choices=ALL_CROPS, default=Crop.AUTO.value)
    # A square of the upright image in its pixels; all null where `crop` says what was cut.
    box_left = models.PositiveIntegerField(null=True, blank=True)
    box_upper = models.PositiveIntegerField(null=True, blank=True)
    box_side = models.PositiveIntegerField(null=True, blank=True)
    box_origin = models.CharField(max_length=6, choices=BoxOrigin, blank=True)
    labels = models.JSONField(
        null=True, blank=True, help_text="Classes that were possible; null for all of the model."
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    turn = models.PositiveIntegerField(
        default=0, help_text="Its round in the queue: each person has one prediction in a round."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(
        max_length=64, blank=True, help_text="Id of the Celery task that took it up last."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="When it went to the trash.")
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
    is_unusual = models.BooleanField(
        default=False,
        help_text="Whether it looks so little like it that the answer needs a second look.",
    )
    prediction_set = models.JSONField(
        null=True, blank=True, help_text="Labels that may be right, the most probable first."
    )
    coordinates = models.BinaryField(
        null=True,
        help_text="Of its features, by which a model in use is watched; null without limits.",
    )
    error_message = models.CharField(max_length=300, blank=True)
    reviewed_label = models.CharField(
        max_length=80, blank=True, help_text="What the last reader said it is."
    )
    note = models.CharField(max_length=1000, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    # The database works these out itself, so that they cannot contradict what they come from.
    certainty = models.GeneratedField(
        expression=Case(
            When(in_distribution=False, then=Value(Certainty.UNLIKE.value)),
            When(
                GreaterThan(ArrayLength("prediction_set"), 1),
                then=Value(Certainty.UNDECIDED.value),
            ),
            When(is_unusual=True, then=Value(Certainty.UNUSUAL.value)),
            When(in_distribution=True, then=Value(Certainty.ACCEPTED.value)),
            default=Value(Certainty.UNKNOWN.value),
        ),
        output_field=models.CharField(max_length=10, choices=Certainty),
        db_persist=True,
    )
    review_state = models.GeneratedField(
        expression=Case(
            When(reviewed_label="", then=Value(ReviewState.UNREVIEWED.value)),
            When(reviewed_label=CANNOT_TELL, then=Value(ReviewState.UNCLEAR.value)),
            When(reviewed_label=F("predicted_label"), then=Value(ReviewState.CONFIRMED.value)),
            default=Value(ReviewState.CORRECTED.value),
        ),
        output_field=models.CharField(max_length=10, choices=ReviewState),
        db_persist=True,
    )
    gallery_group = models.GeneratedField(
        expression=Case(
            When(~Q(reviewed_label=""), then=F("reviewed_label")),
            When(in_distribution=False, then=Value(UNLIKE_TRAINING)),
            When(
                GreaterThan(ArrayLength("prediction_set"), 1),
                then=Value(UNDECIDED),
            ),
            default=F("predicted_label"),
        ),
        output_field=models.CharField(max_length=80),
        db_persist=True,
    )

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            # The list of everyone's for who looks after them, newest first.
            models.Index(fields=["-created_at", "-id"], name="prediction_newest"),
            # The administrator's list by each of its filters, and the counts of the overview.
            _everyones("status", name="prediction_by_status"),
            _everyones("certainty", name="prediction_by_certainty"),
            _everyones("review_state", name="prediction_by_review"),
            _everyones("trained_model", name="prediction_by_model"),
            _everyones("predicted_label", name="prediction_by_label"),
            # What each version of a model answered in a period, read from the index alone.
            models.Index(
                fields=[
                    "status",
                    "trained_model",
                    "model_version",
                    "predicted_label",
                    "certainty",
                    "review_state",
                    "created_at",
                    "confidence",
                ],
                condition=Q(deleted_at__isnull=True),
                name="prediction_record",
            ),
            # History and the API's list: one's own, newest first.
            models.Index(fields=["owner", "-created_at", "-id"], name="prediction_own_newest"),
            # The same by each of the filters.
            _own("predicted_label", name="prediction_own_label"),
            _own("trained_model", name="prediction_own_model"),
            _own("status", name="prediction_own_status"),
            _own("gallery_group", name="prediction_own_group_newest"),
            _own("certainty", name="prediction_own_certainty"),
            _own("review_state", name="prediction_own_review"),
            # History by confidence, the least certain first.
            models.Index(fields=["owner", "confidence", "id"], name="prediction_own_confidence"),
            # The groups of a search, each with the least certain first.
            models.Index(
                fields=["owner", "gallery_group", "confidence", "id"], name="prediction_own_group"
            ),
            # A project's list, newest first.
            models.Index(
                fields=["project", "-created_at", "-id"],
                condition=Q(project__isnull=False),
                name="prediction_project_newest",
            ),
            # Progress, the results of a batch in order, and their cancelling.
            models.Index(fields=["batch", "created_at", "id"], name="prediction_of_batch"),
            # The groups of a batch, each with the least certain first.
            models.Index(
                fields=["batch", "gallery_group", "confidence", "id"],
                condition=Q(batch__isnull=False),
                name="prediction_batch_group",
            ),
            # The trash of a person, and what has lain there for too long.
            models.Index(
                fields=["owner", "-deleted_at"],
                condition=Q(deleted_at__isnull=False),
                name="prediction_trash",
            ),
            # claim_batch and exhausted; this one and the next two stay small.
            models.Index(
                fields=["trained_model", "-attempts", "turn", "created_at"],
                condition=Q(finished_at__isnull=True),
                name="prediction_unfinished",
            ),
            # next_model, queue_position, and the turn that is running.
            models.Index(
                fields=["-attempts", "turn", "created_at"],
                condition=Q(finished_at__isnull=True),
                name="prediction_in_line",
            ),
            # unfinished_of, and the last turn that a person has.
            models.Index(
                fields=["owner", "turn"],
                condition=Q(finished_at__isnull=True),
                name="prediction_own_unfinished",
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
            models.CheckConstraint(
                name="prediction_unusual_is_not_unlike",
                condition=Q(is_unusual=False) | Q(in_distribution=True),
            ),
            models.CheckConstraint(
                name="prediction_box_is_whole",
                condition=Q(box_left__isnull=True, box_upper__isnull=True, box_side__isnull=True)
                | Q(box_left__isnull=False, box_upper__isnull=False, box_side__gt=0),
            ),
            models.CheckConstraint(
                name="prediction_box_has_an_origin",
                condition=Q(box_origin__in=("", "center")) | Q(box_side__isnull=False),
            ),
            models.CheckConstraint(
                name="prediction_has_the_box_that_its_crop_needs",
                condition=~Q(crop__in=("cells", "box")) | Q(box_side__isnull=False),
            ),
            models.CheckConstraint(
                name="prediction_labels_are_a_choice",
                condition=Q(labels__isnull=True) | Q(GreaterThan(ArrayLength("labels"), 1)),
            ),
            models.CheckConstraint(
                name="prediction_of_a_field_has_its_box",
                condition=Q(parent__isnull=True) | (Q(box_side__isnull=False) & ~Q(parent=F("id"))),
            ),
            models.CheckConstraint(
                name="prediction_is_answered_before_it_is_reviewed",
                condition=Q(status="SUCCESS") | Q(reviewed_label=""),
            ),
            models.CheckConstraint(
                name="prediction_review_has_a_time",
                condition=Q(reviewed_label="", note="") | Q(reviewed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} · {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("web:prediction", args=[self.pk])

    # Of generated fields Django makes no such methods.
    def get_certainty_display(self) -> str:
        return str(Certainty(self.certainty).label)

    def get_review_state_display(self) -> str:
        return str(ReviewState(self.review_state).label)

    @property
    def limits(self) -> LimitsStep:
        """How near its image is to the model's training data."""
        match self.in_distribution:
            case None:
                return LimitsStep.UNKNOWN
            case False:
                return LimitsStep.UNLIKE
        return LimitsStep.UNUSUAL if self.is_unusual else LimitsStep.ACCEPTED

    @transaction.atomic
    def delete_with_image(self) -> None:
        """Delete it for good, and its image with the files once nothing else uses it."""
        image = ImageUpload.objects.select_for_update().filter(pk=self.image_id).first()
        if image is None:
            # Another tab was faster, and the prediction went with the image.
            return
        self.delete()
        if ImageUpload.objects.filter(pk=image.pk).unused().exists():
            image.delete()

    @property
    def box(self) -> Box | None:
        """Left, upper, right and lower of the box; None where `crop` says what was seen."""
        if self.box_left is None or self.box_upper is None or self.box_side is None:
            return None
        right, lower = self.box_left + self.box_side, self.box_upper + self.box_side
        return (self.box_left, self.box_upper, right, lower)

    def set_found_box(self, box: Box | None) -> None:
        """Take the square that was found for what the model sees; None where there was none."""
        self.box_origin = BoxOrigin.CENTER
        if box is not None:
            self.set_box(box, BoxOrigin.FOUND)

    def set_box(self, box: Box, origin: BoxOrigin) -> None:
        """Take a square, left, upper, right and lower, for what the model sees."""
        self.box_left, self.box_upper, right, _ = box
        self.box_side, self.box_origin = right - self.box_left, origin

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.SUCCESS, Status.FAILURE}

    @property
    def queue_position(self) -> int:
        """1 for the next in line, at most `LAST_COUNTED_POSITION`.

        The whole queue counts, since models share the workers. What was tried before stands first.
        """
        if self.attempts:
            return 1
        before = Q(turn__lt=self.turn) | Q(turn=self.turn, created_at__lt=self.created_at)
        waiting = Prediction.objects.kept().unfinished()
        fresh = waiting.filter(status=Status.PENDING, attempts=0)
        # Said once more without the "or", which no index is searched by.
        ahead = fresh.filter(before, turn__lte=self.turn).order_by()
        return int(ahead[: LAST_COUNTED_POSITION - 1].count()) + 1

    @property
    def ranked_probabilities(self) -> list[tuple[str, float]]:
        """Classes with their probabilities, in the order of the model's classes."""
        return [(label, probability) for label, probability in self.probabilities or ()]

    @property
    def possible_labels(self) -> list[str]:
        """What a reader may say: the classes that were possible, and the words beside them."""
        return [*(label for label, _ in self.ranked_probabilities), *WORDS_BESIDE_CLASSES]
