"""Keys that make a repeated creation give what the first one gave."""

from datetime import timedelta
from typing import ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from classifier.models.batches import Batch
from classifier.models.predictions import Prediction

KEPT_FOR: Final = timedelta(hours=24)


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def expired(self) -> Self:
        return self.filter(created_at__lt=timezone.now() - KEPT_FOR)

    def current(self) -> Self:
        return self.filter(created_at__gte=timezone.now() - KEPT_FOR)


class IdempotencyKey(models.Model):
    """What a request with an Idempotency-Key created: a batch, or predictions of one image."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked for.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, null=True, related_name="+")
    predictions = models.ManyToManyField(Prediction, related_name="+")

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # expired: what a new key clears away.
            models.Index(fields=["created_at"], name="idempotency_key_age"),
        ]
        constraints: ClassVar = [
            # Of two requests that arrive at once, one stores its key.
            models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key
