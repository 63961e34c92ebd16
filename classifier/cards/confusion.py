"""A confusion matrix row by row, for the picture of a card and the table of a page."""

from dataclasses import dataclass
from typing import Final

from classifier.bundles.schema import Evaluation

# Shades of a page's table, beside none.
SHADES: Final = 10


@dataclass(frozen=True)
class Cell:
    """A count of a confusion matrix, as a proportion of its row."""

    count: int
    proportion: float
    is_diagonal: bool

    @property
    def shade(self) -> int:
        """0 for nothing at all; a single case among many still shows."""
        return max(1, round(SHADES * self.proportion)) if self.proportion else 0


@dataclass(frozen=True)
class ConfusionRow:
    """Images of a true class by predicted class."""

    label: str
    cells: list[Cell]


def confusion_rows(evaluation: Evaluation) -> list[ConfusionRow]:
    """A row per true class, in index order."""
    return [
        ConfusionRow(
            label,
            [
                Cell(count, count / max(1, sum(counts)), is_diagonal=row == column)
                for column, count in enumerate(counts)
            ],
        )
        for row, (label, counts) in enumerate(
            zip(evaluation.labels, evaluation.confusion_matrix, strict=True)
        )
    ]
