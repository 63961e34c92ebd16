"""Where what is being done comes from, request or task: for logs and for the audit trail."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

# What a proxy or a program may send as X-Request-ID; anything else is replaced.
REQUEST_ID: Final = re.compile(r"[\w.-]{8,64}", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """One request, one task, or by default a command.

    Attributes:
        channel: page, api, admin, worker or command.
        request_id: of the request, or of the one that rang for this task.
        task_id: of the Celery task.
    """

    channel: str = "command"
    request_id: str = ""
    task_id: str = ""
    request: HttpRequest | None = None

    @property
    def address(self) -> str:
        """The client's address, behind as many proxies as TRUSTED_PROXIES says."""
        from allauth.core.internal.httpkit import get_client_ip

        return (self.request and get_client_ip(self.request)) or ""

    @property
    def user(self) -> object:
        """Who signed in or holds the token; None or an AnonymousUser for nobody."""
        return getattr(self.request, "user", None)


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039, it is frozen


def current() -> Origin:
    return _current.get()


def enter(origin: Origin) -> None:
    """From here on, until the next call; for Celery, whose tasks start and end by signals."""
    _current.set(origin)


@contextmanager
def coming_from(request: HttpRequest) -> Iterator[Origin]:
    """While a request is answered."""
    area = request.path_info.split("/")[1]
    channel = area if area in {"api", "admin"} else "page"
    sent = request.headers.get("X-Request-ID", "")
    request_id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
    origin = Origin(channel=channel, request_id=request_id, request=request)
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)
