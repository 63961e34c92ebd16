"""What people say of a model's answers: a row for each step, none of which is ever changed."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils import timezone

from classifier.models.batches import Assignment
from classifier.models.predictions import Prediction


class ReviewQuerySet(models.QuerySet["Review"]):
    def open(self) -> Self:
        """The steps that everyone sees, as against answers of blind readings."""
        return self.filter(assignment__isnull=True)

    def standing_of(self, user: User) -> Self:
        """A person's own steps that nothing withdrew, the last one first."""
        return self.open().filter(reader=user, withdrawn_by__isnull=True).order_by("-pk")


class Review(models.Model):
    """What holds of a prediction after one step of one person.

    Undoing is a step too: its row withdraws another one and says what holds again. The row of a
    redo withdraws the row of the undo. So the last row of a prediction always is what holds.
    """

    class Action(models.TextChoices):
        REVIEW = "review", "Reviewed"
        UNDO = "undo", "Undone"
        REDO = "redo", "Done again"

    prediction = models.ForeignKey(
        Prediction, on_delete=models.CASCADE, related_name="reviews", db_index=False
    )
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="reviews",
        db_index=False,
    )
    step = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text="The same for all rows of one step."
    )
    action = models.CharField(max_length=6, choices=Action, default=Action.REVIEW)
    label = models.CharField(
        max_length=80, blank=True, help_text="A class, “none of these” or “cannot tell”."
    )
    note = models.CharField(max_length=1000, blank=True)
    withdraws = models.OneToOneField(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="withdrawn_by"
    )
    assignment = models.ForeignKey(
        Assignment, on_delete=models.CASCADE, null=True, blank=True, related_name="reviews"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes: ClassVar = [
            # The steps of a prediction, and the last of them.
            models.Index(fields=["prediction", "id"], name="review_steps"),
            # The last step of a person, which undo takes back.
            models.Index(fields=["reader", "id"], name="review_by_reader"),
            # All rows of a step.
            models.Index(fields=["step"], name="review_step"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="review_withdraws_by_undo_and_redo",
                condition=Q(action="review", withdraws__isnull=True)
                | Q(action__in=["undo", "redo"], withdraws__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.note or "Undone"
