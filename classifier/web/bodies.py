"""How large the body of a request may be, by its address and by who sends it."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError
from django.urls import Resolver404, resolve

from classifier.models import ApiToken


def largest_body(path: str) -> int:
    """Bytes that the view at this address takes at most."""
    try:
        name = resolve(path).view_name
    except Resolver404:
        name = ""
    # Twice an image, so that what is wrong with one is said of the image.
    image, batch = 2 * settings.MAX_UPLOAD_BYTES, settings.MAX_BATCH_BYTES
    takes_more = {
        "web:classify": image,
        "web:preview": image,
        "web:batch_new": batch,
        "web:batch_upload": batch,
        "web:labelled_set_new": batch,
        "web:labelled_set_add": batch,
        "web:labelled_set_table": image,
        "web:model_import": batch,
        "api:prediction-list": image,
        "api:batch-list": batch,
        "api:batch-images": batch,
        "api:labelled-set-images": batch,
        "api:labelled-set-table": image,
        "api:model-imports": batch,
    }
    return int(takes_more.get(name, settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


def most_bytes(path: str, headers: Mapping[str, str]) -> int:
    """`largest_body`, but for strangers, of whom nothing large is kept while they are turned away.

    Args:
        headers: by their names as in WSGI, without the `HTTP_`.
    """
    largest = largest_body(path)
    if largest <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE or is_known(headers):
        return largest
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def is_known(headers: Mapping[str, str]) -> bool:
    """Whether a request comes with a token or a session that holds. The view looks again."""
    try:
        scheme, _, secret = headers.get("AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "token" and ApiToken.objects.holding(secret.strip()) is not None:
            return True
        return _has_session(headers)
    except DatabaseError:
        return False


def _has_session(headers: Mapping[str, str]) -> bool:
    try:
        cookie = SimpleCookie(headers.get("COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return False
    return bool(cookie and SESSION_KEY in SessionStore(cookie.value))
