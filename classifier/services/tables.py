"""Tables of path and class that lie beside images, as spreadsheets write them."""

import csv
import io
from dataclasses import dataclass
from typing import Final

from classifier.uploads.names import path_name

PATHS: Final = ("path", "file", "filename", "file name", "image", "image_path", "name")
LABELS: Final = ("class", "label", "category", "cell type", "cell_type", "diagnosis", "true")
GROUPS: Final = (
    "group",
    "patient",
    "patient_id",
    "slide",
    "slide_id",
    "case",
    "case_id",
    "subject",
)
MOST_BYTES: Final = 5_000_000
ENCODINGS: Final = ("utf-8-sig", "utf-16", "cp1252")


class TableRefused(Exception):
    """What is sent as a table is none, or lacks a column; says which."""


@dataclass(frozen=True)
class TableRow:
    """A file by its path, the class that it shows, and what it belongs to; empty where not said."""

    path: str
    label: str
    group: str


def read_table(content: bytes) -> list[TableRow]:
    """The rows of a CSV file, separated by commas, semicolons or tabs. Raises TableRefused."""
    if len(content) > MOST_BYTES:
        raise TableRefused(f"The table is larger than {MOST_BYTES // 10**6} MB.")
    lines = _text(content).splitlines()
    if not lines:
        raise TableRefused("The table is empty.")
    separator = max(",;\t", key=lines[0].count)
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator)
    columns = {(name or "").strip().casefold(): name for name in reader.fieldnames or ()}
    path, label, group = (
        next((columns[name] for name in names if name in columns), None)
        for names in (PATHS, LABELS, GROUPS)
    )
    if path is None or (label is None and group is None):
        found = ", ".join(f"“{name}”" for name in columns) or "none"
        raise TableRefused(
            "The first line of the table has to name a column “path” and a column “class” (and, "
            f"where images belong together, “group”, “patient”, “slide” or “case”). It has {found}."
        )
    try:
        rows = [
            TableRow(
                path_name(row[path] or ""),
                (row.get(label or "") or "").strip(),
                (row.get(group or "") or "").strip(),
            )
            for row in reader
            if (row[path] or "").strip()
        ]
    except csv.Error as error:
        raise TableRefused(f"The table cannot be read: {error}.") from error
    if not rows:
        raise TableRefused("The table has no rows below its first line.")
    return rows


def _text(content: bytes) -> str:
    for encoding in ENCODINGS:
        if encoding == "utf-16" and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableRefused("The table is no text. Save it as CSV.")
