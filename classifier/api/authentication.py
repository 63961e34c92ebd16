"""Token authentication: `Authorization: Token <token>`."""

from contextlib import suppress
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.utils import timezone
from drf_spectacular.authentication import TokenScheme
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from classifier import audit
from classifier.models import ApiToken

# `last_used_at` is for people; writing it more often would make every read a write.
USE_IS_NOTED_EVERY = timedelta(minutes=5)


class ApiTokenAuthentication(BaseAuthentication):
    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's user; None when another scheme was used. Raises AuthenticationFailed."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"token":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Send the header as: Authorization: Token <token>")
        return self.authenticate_secret(words[1].decode("latin-1"))

    def authenticate_secret(self, secret: str) -> tuple[User, ApiToken]:
        token = ApiToken.objects.holding(secret)
        if token is None:
            raise AuthenticationFailed("This token is not valid, or not any more.")
        note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Makes a missing or wrong token 401 instead of 403."""
        return self.keyword


def note_use(token: ApiToken) -> None:
    """Whoever only reads is served also while the database takes no writes."""
    now = timezone.now()
    if token.last_used_at and token.last_used_at >= now - USE_IS_NOTED_EVERY:
        return
    with suppress(DatabaseError), transaction.atomic():
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        audit.record(audit.Action.TOKEN_USED, person=token.user, subject=token, name=token.name)


class ApiTokenScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI schema how a token is sent."""

    target_class = "classifier.api.authentication.ApiTokenAuthentication"
    name = "token"
