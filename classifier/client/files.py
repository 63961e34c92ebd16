"""Files that are whole or not there, whenever the process ends; one run at a time writes them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from classifier.client.site import ClientError


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """Takes the text, in UTF-8 whatever the locale. Raises ClientError."""
    draft = path.with_name(f"{path.name}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise ClientError(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """Raises ClientError while another process holds the file that belongs to `path`.

    SQLite's lock ends with its process, however that ends, and is the same on all systems.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        with closing(sqlite3.connect(lock, timeout=0, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise ClientError(f"{path} cannot be written: {error}.") from error
        raise ClientError(
            f"Another run writes {path} at the moment. "
            "Wait for its end, or choose another --output."
        ) from error
