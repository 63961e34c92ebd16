"""Whether the parts that the pages depend on answer; no check takes more than a few seconds."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from django.core.cache import cache
from django.db import DatabaseError, connection

from medclassifier.celery import app

logger = logging.getLogger(__name__)

OK: Final = "ok"
SILENT: Final = "does not answer"
LOADING: Final = "is loading its models"
IMPATIENT: Final = {"socket_connect_timeout": 2, "socket_timeout": 2}
PING_SECONDS: Final = 1.0
ASK: Final = "ready_children"
# Everyone who waits for a result asks for this; the worker is pinged once for all of them.
CACHE_KEY: Final = "queue-trouble"
CACHE_SECONDS: Final = 5


# Anybody may ask: of those who do at once, one has the parts asked, and the others its last answer.
KEPT_SECONDS: Final = 2.0
_last: tuple[float, dict[str, str]] = (0.0, {})
_asking = threading.Lock()


def check() -> dict[str, str]:
    """Each part with OK, or with what is wrong with it; at most `KEPT_SECONDS` old."""
    global _last
    made_at, checks = _last
    # Whoever comes before there is any answer waits for it.
    if time.monotonic() - made_at > KEPT_SECONDS and _asking.acquire(blocking=not checks):
        try:
            broker = _broker()
            checks = {
                "database": _database(),
                "broker": broker,
                "worker": _worker() if broker == OK else "cannot be asked without the broker",
            }
            _last = (time.monotonic(), checks)
        finally:
            _asking.release()
    return checks


def forget() -> None:
    """Have the parts asked again by the next check."""
    global _last
    _last = (0.0, {})


def queue_trouble() -> str:
    """The part of the queue that does not answer, "broker" or "worker"; empty when all is well."""
    trouble = cache.get(CACHE_KEY)
    if trouble is None:
        trouble = "broker" if _broker() != OK else "worker" if _worker() != OK else ""
        cache.set(CACHE_KEY, trouble, CACHE_SECONDS)
    return str(trouble)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("The database does not answer: %s", error)
        return SILENT
    return OK


def _broker() -> str:
    try:
        with app.connection_for_write(transport_options=IMPATIENT) as broker:
            redis: Any = broker.channel()
            redis.client.ping()
    except Exception as error:
        # Each transport raises exceptions of its own kind; every one of them means "no broker".
        logger.warning("The broker does not answer: %s", error)
        return SILENT
    return OK


def _worker() -> str:
    """Asks for a child that has loaded its models; before, a worker answers and nothing runs."""
    try:
        # The first answer will do, unless it comes from a worker that is still loading.
        if any(_ready(app.control.broadcast(ASK, reply=True, limit=1, timeout=PING_SECONDS))):
            return OK
        ready = list(_ready(app.control.broadcast(ASK, reply=True, timeout=PING_SECONDS)))
    except Exception as error:
        logger.warning("The worker cannot be asked: %s", error)
        return SILENT
    if any(ready):
        return OK
    return LOADING if ready else SILENT


def _ready(replies: list[dict[str, dict[str, int]]] | None) -> Iterator[int]:
    """Of each worker how many of its children can compute."""
    return (answer.get("ready", 0) for reply in replies or () for answer in reply.values())
