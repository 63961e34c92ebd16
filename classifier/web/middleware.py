"""What holds for every request and every answer."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]

# Python has codecs that give bytes, such as hex, some that fail on stray bytes, and some whose text
# has halves of surrogate pairs in it, which no database takes.
PROBES: Final = (b"\xff", rb"\ud800", b"+2AA-", "\ud800".encode("punycode"))

# data: and blob: are for previews; nothing is ever loaded from another origin.
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def content_security_policy(get_response: Handler) -> Handler:
    """Forbid whatever the pages do not need, inline scripts and styles above all."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def readable_charset(get_response: Handler) -> Handler:
    """Refuse a body or a query in a charset that cannot be read as text."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        charset = (request.content_params or {}).get("charset", settings.DEFAULT_CHARSET)
        if not _reads_text(charset):
            request.encoding = settings.DEFAULT_CHARSET  # for the page about the error
            raise BadRequest("The charset of this request is no text encoding.")
        return get_response(request)

    return middleware


def _reads_text(charset: str) -> bool:
    try:
        for probe in PROBES:
            probe.decode(charset, "replace").encode()
    except (LookupError, ValueError):
        return False
    return True
