"""A differential count as rows of a table."""

from dataclasses import dataclass

from classifier.cards.numbers import percent
from classifier.statistics.differential import CellCount, Differential

NOTHING = "–"


@dataclass(frozen=True)
class CountRow:
    """One type of cell; texts are empty where it has no such figure."""

    label: str
    number: str
    share: str
    interval: str
    per_hundred: str
    per_two_hundred: str


def count_rows(count: Differential) -> list[tuple[str, list[CountRow]]]:
    """Rows under the words that say what they are shares of."""
    parts = (
        ("", [_row(each) for each in count.counted]),
        (
            "Beside them, per 100 of these",
            [_row(each, is_share=False) for each in count.per_hundred],
        ),
        ("Not part of the count", [_row(each) for each in count.others]),
    )
    return [(words, rows) for words, rows in parts if rows]


def _row(cell: CellCount, *, is_share: bool = True) -> CountRow:
    low_high = cell.interval
    shares = "" if low_high is None else "–".join(map(percent, low_high))
    return CountRow(
        label=cell.label,
        number=f"{cell.number:.0f}" if cell.number == round(cell.number) else f"{cell.number:.1f}",
        share=percent(cell.ratio) if is_share and cell.ratio is not None else "",
        interval=shares if is_share else "",
        per_hundred=_per(cell, 100),
        per_two_hundred=_per(cell, 200),
    )


def _per(cell: CellCount, cells: int) -> str:
    """Such as 61.2 (54.3–67.7)."""
    number, interval = cell.per(cells), cell.interval_per(cells)
    if number is None:
        return ""
    return f"{number:.1f}" + (f" ({interval[0]:.1f}–{interval[1]:.1f})" if interval else "")
