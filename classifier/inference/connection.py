"""The worker's connection to the database, which a time limit or a cut can leave unusable."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from celery.exceptions import SoftTimeLimitExceeded
from django.db import (
    DEFAULT_DB_ALIAS,
    Error,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
)


@contextmanager
def sound_connection() -> Iterator[None]:
    """Take a new connection for what comes after a time limit or an error of the database.

    A time limit strikes anywhere, also between BEGIN and Django's note of it: nothing that was
    written on that connection afterwards would ever be committed. Where it strikes within COMMIT,
    PostgreSQL's driver says something else of it; it is raised as the time limit that it is.
    """
    before = connections[DEFAULT_DB_ALIAS]
    was_within_transaction = before.in_atomic_block
    try:
        yield
    except (SoftTimeLimitExceeded, OperationalError, InterfaceError, ProgrammingError) as error:
        if not was_within_transaction:
            with suppress(Error):
                before.close()
            # Closing alone keeps the note of a transaction that is gone.
            del connections[DEFAULT_DB_ALIAS]
        if _comes_of_time_limit(error):
            raise SoftTimeLimitExceeded from error
        raise


def _comes_of_time_limit(error: BaseException | None) -> bool:
    while error and not isinstance(error, SoftTimeLimitExceeded):
        error = error.__cause__ or error.__context__
    return error is not None
