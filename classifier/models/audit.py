"""The audit trail: what was done by whom, and the seals that show whether it was changed since."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone


def digest_of(content: Any) -> str:
    """SHA-256 of JSON in the one form that both databases give back."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class AuditSeal(models.Model):
    """What stood in the trail since the seal before; each builds on the digest of the last."""

    sequence = models.PositiveBigIntegerField(unique=True)
    event_keys = models.JSONField(help_text="Which events it covers, in order.")
    previous = models.CharField(max_length=64, blank=True, help_text="Digest of the seal before.")
    digest = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("sequence",)
        verbose_name = "audit seal"

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest}"

    def computed_digest(self, event_digests: Iterable[str]) -> str:
        sealed_at = self.sealed_at.isoformat()
        content = [self.sequence, self.previous, sealed_at, self.event_keys, list(event_digests)]
        return digest_of(content)


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def unsealed(self) -> Self:
        return self.filter(seal__isnull=True).order_by("pk")


class AuditEvent(models.Model):
    """Something that a person or a program did. Never changed, but for the seal that it gets.

    It has no foreign keys to what it is about, so that it outlives accounts, images and batches.
    """

    class Action(models.TextChoices):
        SIGNED_IN = "signed_in", "Signed in"
        SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
        SIGNED_OUT = "signed_out", "Signed out"
        TOKEN_MADE = "token_made", "API token made"
        TOKEN_USED = "token_used", "API token used"
        TOKEN_REVOKED = "token_revoked", "API token revoked"
        IMAGE_VIEWED = "image_viewed", "Another's image viewed"
        UPLOADED = "uploaded", "Images uploaded"
        TRASHED = "trashed", "Put into the trash"
        RESTORED = "restored", "Taken out of the trash"
        ERASED = "erased", "Deleted for good"
        REVIEWED = "reviewed", "Reviewed"
        SIGNED_OFF = "signed_off", "Batch signed off"
        REOPENED = "reopened", "Batch reopened"
        EXPORTED = "exported", "Exported"
        SHARED = "shared", "Project members changed"
        FACTOR_ADDED = "factor_added", "Second factor set up"
        FACTOR_REMOVED = "factor_removed", "Second factor removed"
        INVITED = "invited", "Invited"
        WEBHOOK_CHANGED = "webhook_changed", "Webhook changed"
        ACCOUNT_CHANGED = "account_changed", "Account changed"
        RIGHTS_CHANGED = "rights_changed", "Rights changed"
        MODEL_CHANGED = "model_changed", "Model changed"
        LIMITS_CHANGED = "limits_changed", "Limits changed"
        PRUNED = "pruned", "Old audit events deleted"

    made_at = models.DateTimeField("when", default=timezone.now, editable=False)
    action = models.CharField(max_length=20, choices=Action)
    user_key = models.BigIntegerField("person's id", null=True, blank=True)
    username = models.CharField("by whom", max_length=150, blank=True)
    address = models.CharField("from", max_length=45, blank=True)
    channel = models.CharField("through", max_length=8)
    request_id = models.CharField(max_length=64, blank=True)
    subject_type = models.CharField(max_length=40, blank=True)
    subject_key = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, help_text="SHA-256 of all that stands above.")
    seal = models.ForeignKey(
        AuditSeal, on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = "audit event"
        indexes: ClassVar = [
            # The trail by kind, by person and by day, newest first.
            models.Index(fields=["action", "-id"], name="audit_action_newest"),
            models.Index(fields=["username", "-id"], name="audit_person_newest"),
            models.Index(fields=["made_at"], name="audit_made_at"),
            # All that was done with one thing.
            models.Index(fields=["subject_key", "-id"], name="audit_subject"),
            # seal: what no seal covers yet, which stays small.
            models.Index(
                fields=["id"], condition=models.Q(seal__isnull=True), name="audit_unsealed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} · {self.username or 'nobody'}"

    def computed_digest(self) -> str:
        """What `digest` is while nobody has changed the row."""
        return digest_of(
            [
                self.made_at.isoformat(),
                self.action,
                self.user_key,
                self.username,
                self.address,
                self.channel,
                self.request_id,
                self.subject_type,
                self.subject_key,
                self.details,
            ]
        )
