"""What holds for every request and every answer."""

import logging
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from classifier.metrics import REQUEST_SECONDS
from classifier.origin import coming_from
from classifier.web.bodies import largest_body

# Its lines have no query: people search for names of files.
requests_log = logging.getLogger("classifier.requests")

Handler = Callable[[HttpRequest], HttpResponseBase]

METHODS: Final = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
LAST_SEEN: Final = "last_seen"
# To note each request would write the session each time.
NOTES_PER_TIMEOUT: Final = 20

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


def known_origin(get_response: Handler) -> Handler:
    """Give each request an id, which its log lines, its tasks and its audit events carry."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        with coming_from(request) as origin:
            response = get_response(request)
            response.headers["X-Request-ID"] = origin.request_id
            seconds = time.monotonic() - started
            count_request(request, response.status_code, seconds)
            requests_log.info(
                "%s %s %d",
                request.method,
                request.path_info,
                response.status_code,
                extra={"milliseconds": round(1000 * seconds)},
            )
        return response

    return middleware


def count_request(request: HttpRequest, status: int, seconds: float) -> None:
    """By the name of its view: addresses have keys in them, of which there is no end."""
    match = request.resolver_match
    # A method that a client made up would be a figure of its own.
    method = request.method if request.method in METHODS else "other"
    view = match.view_name if match else "none"
    REQUEST_SECONDS.labels(view, method, status).observe(seconds)


def content_security_policy(get_response: Handler) -> Handler:
    """Forbid whatever the pages do not need, inline scripts and styles above all."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def bounded_body(get_response: Handler) -> Handler:
    """Refuse a body that is larger than its view takes, before anything of it is read."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length and length > largest_body(request.path_info):
            raise RequestDataTooBig("This request is larger than what is accepted here.")
        return get_response(request)

    return middleware


def idle_timeout(get_response: Handler) -> Handler:
    """Sign out whoever has asked for nothing for IDLE_MINUTES."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        seconds = 60 * settings.IDLE_MINUTES
        if seconds and SESSION_KEY in request.session:
            now = time.time()
            idle = now - request.session.get(LAST_SEEN, now)
            if idle > seconds:
                logout(request)
            elif idle > seconds / NOTES_PER_TIMEOUT or LAST_SEEN not in request.session:
                request.session[LAST_SEEN] = now
        return get_response(request)

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
