"""Images that were sent at once."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils import timezone

from classifier.models.access import may


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.all() if may(user, "view", self.model) else self.filter(owner_id=user.pk)


class Batch(models.Model):
    """Several images that a person sent at once; its predictions point to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="batches"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    rejected = models.JSONField(
        default=list, help_text="Files that were sent with it and not taken: filename and reason."
    )

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "batches"
        indexes: ClassVar = [
            # The API's list of one's own batches, newest first.
            models.Index(fields=["owner", "-created_at"], name="batch_own_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"
