"""What is watched of models in use: whether their answers still are like those they began with."""

import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from classifier.models.access import may
from classifier.models.prediction_querysets import PredictionQuerySet
from classifier.models.predictions import Prediction
from classifier.models.projects import Project
from classifier.models.trained import TrainedModel
from classifier.models.vocabulary import Role, Status

if TYPE_CHECKING:
    from datetime import datetime


class WatchQuerySet(models.QuerySet["Watch"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Of one's own results, and of one's projects."""
        if may(user, "view", self.model):
            return self.all()
        return self.filter(Q(owner_id=user.pk) | Q(project__in=Project.objects.of(user)))

    def with_relations(self) -> Self:
        return self.select_related("trained_model", "project", "owner")


class Watch(models.Model):
    """A version of a model in use by a project, or by a person outside of any."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.CASCADE, related_name="watches", db_index=False
    )
    model_version = models.PositiveIntegerField()
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="watches"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="watches",
    )
    # By when predictions were made: the reference period, and how far its windows have come.
    reference_from = models.DateTimeField()
    reference_until = models.DateTimeField(null=True, blank=True)
    tested_until = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(default=timezone.now)

    objects = WatchQuerySet.as_manager()

    class Meta:
        ordering = ("-looked_at", "pk")
        verbose_name_plural = "watches"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="watch_is_of_a_project_or_a_person",
                condition=Q(project__isnull=True, owner__isnull=False)
                | Q(project__isnull=False, owner__isnull=True),
            ),
            models.CheckConstraint(
                name="watch_reference_is_whole",
                condition=Q(reference_until__isnull=True, tested_until__isnull=True)
                | Q(reference_until__isnull=False, tested_until__isnull=False),
            ),
            models.UniqueConstraint(
                name="watch_once_for_a_project",
                fields=["trained_model", "model_version", "project"],
                condition=Q(project__isnull=False),
            ),
            models.UniqueConstraint(
                name="watch_once_for_a_person",
                fields=["trained_model", "model_version", "owner"],
                condition=Q(owner__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trained_model} · {self.project or self.owner}"

    def get_absolute_url(self) -> str:
        return reverse("web:watch", args=[self.pk])

    def role_of(self, user: User | AnonymousUser) -> Role | None:
        if self.project:
            return self.project.role_of(user)
        return Role.OWNER if self.owner_id == user.pk else None

    def predictions(self) -> PredictionQuerySet:
        """What is watched, in order: answers that all classes could be, to real images."""
        rows = Prediction.objects.kept().filter(
            trained_model=self.trained_model_id,
            model_version=self.model_version,
            project=self.project_id,
            status=Status.SUCCESS,
            labels__isnull=True,
            image__is_synthetic=False,
        )
        if self.project_id is None:
            rows = rows.filter(owner=self.owner_id)
        return rows.order_by("created_at", "pk")

    def reference(self) -> PredictionQuerySet:
        """None of them until there are enough."""
        if self.reference_until is None:
            return self.predictions().none()
        return self.predictions().filter(
            created_at__gte=self.reference_from, created_at__lte=self.reference_until
        )

    def following(self, before: "datetime | None") -> PredictionQuerySet:
        """What comes after all that was tested, up to what still waits."""
        rows = self.predictions()
        if before is not None:
            rows = rows.filter(created_at__lt=before)
        if self.tested_until is None:
            return rows.filter(created_at__gte=self.reference_from)
        return rows.filter(created_at__gt=self.tested_until)


class WatchLookQuerySet(models.QuerySet["WatchLook"]):
    def alarms(self) -> Self:
        return self.filter(is_alarm=True)

    def unseen(self) -> Self:
        """Alarms that nobody has said to have seen."""
        return self.filter(is_alarm=True, seen_at__isnull=True)


class WatchLook(models.Model):
    """A full window of predictions, tested once against the reference period."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="looks", db_index=False)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    n = models.PositiveIntegerField()
    p_values = models.JSONField(help_text="Of each figure that was tested.")
    changes = models.JSONField(help_text="Of each figure: then, now, and whether it changed.")
    is_alarm = models.BooleanField()
    seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WatchLookQuerySet.as_manager()

    class Meta:
        ordering = ("-last_at",)
        constraints: ClassVar = [
            # Also finds those of a watch, the newest first.
            models.UniqueConstraint(name="watch_window_once", fields=["watch", "last_at"]),
        ]
        indexes: ClassVar = [
            # What is to be told, which stays small.
            models.Index(
                fields=["watch"],
                condition=Q(is_alarm=True, seen_at__isnull=True),
                name="watch_look_unseen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.watch} · {self.last_at:%Y-%m-%d %H:%M}"

    def predictions(self) -> PredictionQuerySet:
        return self.watch.predictions().filter(
            created_at__gte=self.first_at, created_at__lte=self.last_at
        )
