"""Requests a minute, for each person."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib.auth.models import User
from django.db import OperationalError
from rest_framework.throttling import BaseThrottle

from classifier import quotas

if TYPE_CHECKING:  # the module of APIView imports this one, by its setting
    from rest_framework.request import Request
    from rest_framework.views import APIView


class RequestsPerMinute(BaseThrottle):
    """Counts in the database, so that all web processes together keep the limit."""

    retry_after: int | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            quotas.count_request(cast(User, request.user))
        except quotas.QuotaExceeded as exceeded:
            self.retry_after = exceeded.retry_after
            return False
        except OperationalError:
            # While the database takes no writes, whoever only reads is served, uncounted.
            return True
        return True

    def wait(self) -> float | None:
        """What becomes of Retry-After."""
        return self.retry_after
