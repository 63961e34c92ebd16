"""Whether the parts that the pages depend on answer; no check takes more than a few seconds."""

import logging
from typing import Any, Final

from django.core.cache import cache
from django.db import DatabaseError, connection

from medclassifier.celery import app

logger = logging.getLogger(__name__)

OK: Final = "ok"
SILENT: Final = "does not answer"
IMPATIENT: Final = {"socket_connect_timeout": 2, "socket_timeout": 2}
PING_SECONDS: Final = 1.0
# Everyone who waits for a result asks for this; the worker is pinged once for all of them.
CACHE_KEY: Final = "queue-trouble"
CACHE_SECONDS: Final = 5


def check() -> dict[str, str]:
    """Each part with OK, or with what is wrong with it."""
    broker = _broker()
    return {
        "database": _database(),
        "broker": broker,
        "worker": _worker() if broker == OK else "cannot be asked without the broker",
    }


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
    try:
        replies = app.control.broadcast("ping", reply=True, limit=1, timeout=PING_SECONDS)
    except Exception as error:
        logger.warning("The worker cannot be asked: %s", error)
        return SILENT
    return OK if replies else SILENT
