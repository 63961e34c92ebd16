"""Answers that are written row by row, so that a large one is never in memory as a whole."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rest_framework.utils.encoders import JSONEncoder

from classifier.models import Prediction

# Excel takes a file without it for the encoding of its region.
BYTE_ORDER_MARK: Final = "\ufeff"
# A spreadsheet runs a cell as a formula that starts with one of these, the wide ones in Japan.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_line(cells: Iterable[object]) -> str:
    """A line of a table, in which no cell is a formula."""
    inert = [
        f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
        for cell in cells
    ]
    buffer = io.StringIO()
    csv.writer(buffer).writerow(inert)
    return buffer.getvalue()


def box_cells(prediction: Prediction) -> list[object]:
    """Left, upper, side and origin of the box that the model saw; empty without a box."""
    corner = [prediction.box_left, prediction.box_upper, prediction.box_side]
    return [*("" if each is None else each for each in corner), prediction.box_origin]


def json_object(
    members: Mapping[str, Any], name: str, rows: Iterable[Mapping[str, Any]]
) -> Iterator[bytes]:
    """A JSON object in pieces: its members, and one more of this name with a list of rows."""
    encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    yield b"{"
    for key, value in members.items():
        yield f"{encode(key)}:{encode(value)},".encode()
    yield f"{encode(name)}:[".encode()
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}{encode(row)}".encode()
    yield b"]}"
