"""What is kept of a file's name: what can be shown, and nothing that leads out of a folder."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from classifier.uploads.refusals import UploadRejected

MAXIMUM_LENGTH: Final = 255
UNNAMED: Final = "unnamed"
# Letters and symbols to Unicode, and yet nothing to see: Hangul fillers and the blank Braille cell.
BLANKS: Final = " \u115f\u1160\u2800\u3164\uffa0"
# No script needs more on one letter, and a pile of them would cover the lines above.
MARKS_PER_LETTER: Final = 4
DRIVE: Final = re.compile(r"[A-Za-z]:")


def file_name(sent: str) -> str:
    """The name of a single file, without unprintable characters.

    Raises UploadRejected for a name with a NUL or a path in it, or one that is too long.
    """
    if "\0" in sent:
        raise UploadRejected("filename_nul")
    if "/" in sent or "\\" in sent or sent in {".", ".."}:
        raise UploadRejected("filename_path")
    if len(sent) > MAXIMUM_LENGTH:
        raise UploadRejected("filename_too_long", limit=MAXIMUM_LENGTH)
    return _visible(sent)


def path_name(sent: str) -> str:
    """The name of a file with the folders that it lies in, such as ``patient1/001.png``.

    Always relative and with forward slashes; of a longer path the end is kept, which tells files
    apart.
    """
    parts = [part for part in re.split(r"[/\\]", sent) if part not in {"", ".", ".."}]
    if len(parts) > 1 and DRIVE.fullmatch(parts[0]):
        del parts[0]
    return "/".join(map(_visible, parts))[-MAXIMUM_LENGTH:].lstrip("/") or UNNAMED


def _visible(name: str) -> str:
    shown = "".join(_with_few_marks(filter(str.isprintable, name))).strip(BLANKS)
    return shown if any(char not in BLANKS and not _is_mark(char) for char in shown) else UNNAMED


def _with_few_marks(characters: Iterable[str]) -> Iterator[str]:
    marks = 0
    for char in characters:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= MARKS_PER_LETTER:
            yield char


def _is_mark(char: str) -> bool:
    """Whether it is drawn over, under or into the character before it, such as an accent."""
    return unicodedata.category(char).startswith("M")
