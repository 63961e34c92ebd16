"""Invitations to make an account, also where sign-up is closed."""

import secrets
from datetime import timedelta
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from classifier.models.tokens import token_digest

DAYS: Final = 7


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def holding(self, secret: str) -> "Invitation | None":
        """The invitation with this secret, while it is neither used nor too old."""
        held = self.filter(used_at=None, expires_at__gt=timezone.now())
        return held.filter(digest=token_digest(secret)).first()


class Invitation(models.Model):
    """One account may be made by the link, in the next days. Only a digest of the link is kept."""

    email = models.EmailField(
        "e-mail address",
        blank=True,
        help_text="The link is sent there. Without one you get it to pass on yourself.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="invitations_sent",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField("expires", editable=False)
    used_at = models.DateTimeField("used", null=True, editable=False)
    person = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="invitation",
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return self.email or f"Link of {self.created_at:%Y-%m-%d %H:%M}"

    def draw_secret(self, inviter: User) -> str:
        """What stands in the link, and nowhere else; the row is not saved yet."""
        secret = secrets.token_urlsafe(32)
        self.invited_by, self.digest = inviter, token_digest(secret)
        self.expires_at = timezone.now() + timedelta(days=DAYS)
        return secret

    @property
    def state(self) -> str:
        if self.used_at:
            return "Used"
        return "Open" if self.expires_at > timezone.now() else "Expired"
