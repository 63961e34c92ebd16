"""The worker's connection to the database, which a time limit or a cut can leave unusable."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections


@contextmanager
def sound_connection() -> Iterator[None]:
    """Take a new connection for what comes after a time limit or an error of the database.

    A time limit strikes anywhere, also between BEGIN and Django's note of it: nothing that was
    written on that connection afterwards would ever be committed.
    """
    before = connections[DEFAULT_DB_ALIAS]
    was_within_transaction = before.in_atomic_block
    try:
        yield
    except (SoftTimeLimitExceeded, OperationalError, InterfaceError):
        if not was_within_transaction:
            with suppress(Error):
                before.close()
            # Closing alone keeps the note of a transaction that is gone.
            del connections[DEFAULT_DB_ALIAS]
        raise
