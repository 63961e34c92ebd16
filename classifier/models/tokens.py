"""Keys for programs."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def issue(
        self,
        user: User,
        *,
        name: str,
        scope: str = "write",
        days: int | None = None,
    ) -> tuple["ApiToken", str]:
        """Make a token; the second value is its secret, which only the caller ever sees.

        Args:
            days: after which it holds no longer; None for a token without an end.
        """
        secret = secrets.token_urlsafe(32)
        expires_at = timezone.now() + timedelta(days=days) if days else None
        digest = token_digest(secret)
        token = self.create(user=user, name=name, scope=scope, expires_at=expires_at, digest=digest)
        return token, secret

    def holding(self, secret: str) -> "ApiToken | None":
        """The token with this secret, unless it has expired or its user was switched off."""
        unexpired = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=timezone.now())
        found = self.filter(unexpired, digest=token_digest(secret), user__is_active=True)
        return found.select_related("user").first()


def token_digest(secret: str) -> str:
    """SHA-256 is enough here: the secret is 256 random bits, which no dictionary holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiToken(models.Model):
    """A key for programs. Only its digest is kept."""

    class Scope(models.TextChoices):
        READ = "read", "Read results"
        WRITE = "write", "Read, send and delete"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=5, choices=Scope, default=Scope.WRITE)
    expires_at = models.DateTimeField("expires", null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()
