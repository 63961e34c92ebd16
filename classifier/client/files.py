"""Files that are whole or not there, whenever the process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
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
