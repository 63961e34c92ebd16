"""A confusion matrix as an SVG picture, for cards that are read outside the application."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from classifier.cards.confusion import Cell, ConfusionRow

CELL_WIDTH, CELL_HEIGHT, GAP = 88, 44, 3
LEFT, TOP, MARGIN = 172, 84, 16
LINE = 14

# The picture brings its own ground, so that it can be read on a page of either brightness.
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #4a5c6b }
.ground { fill: #ffffff } .none { fill: #eaeff3 } .some { fill: #0b6b70 }
.count { font-size: 14px; fill: #14212c } .right { font-weight: 600 } .strong { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #a2b2c0 }
  .ground { fill: #151e26 } .none { fill: #1d2832 } .some { fill: #56c3c0 }
  .count { fill: #e4ebf1 } .strong { fill: #04211f }
}
"""


def render_matrix(rows: Sequence[ConfusionRow], title: str) -> str:
    """The SVG text: true classes down, predicted ones across, shaded by proportion of the row."""
    width = LEFT + len(rows) * CELL_WIDTH + MARGIN
    height = TOP + len(rows) * CELL_HEIGHT + MARGIN
    parts = [
        f'<rect class="ground" width="{width}" height="{height}" rx="8"/>',
        _text(LEFT - 12, 24, "true class ↓", anchor="end"),
        _text(LEFT, 24, "predicted class →", anchor="start"),
    ]
    for index, row in enumerate(rows):
        # One word a line, the last one just above the cells.
        words = row.label.split()
        first = TOP - 8 - LINE * (len(words) - 1)
        parts += [
            _text((LEFT + index * CELL_WIDTH + CELL_WIDTH / 2), first + LINE * line, word)
            for line, word in enumerate(words)
        ]
        middle = TOP + index * CELL_HEIGHT + CELL_HEIGHT / 2 + 4
        parts.append(_text(LEFT - 12, middle, row.label, anchor="end"))
    for index, row in enumerate(rows):
        for column, cell in enumerate(row.cells):
            parts += _cell(cell, LEFT + column * CELL_WIDTH, TOP + index * CELL_HEIGHT)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label={quoteattr(title)}>\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _cell(cell: Cell, left: int, top: int) -> list[str]:
    is_strong = cell.proportion > 0.5
    # The middle of the scale is left out: neither dark nor light text can be read on it.
    some = 0.76 + 0.24 * cell.proportion if is_strong else 0.12 + 0.5 * cell.proportion
    kind, opacity = ("some", some) if cell.count else ("none", 1.0)
    names = ["count", *(["right"] if cell.is_diagonal else []), *(["strong"] if is_strong else [])]
    middle = left + (CELL_WIDTH - GAP) / 2
    return [
        f'<rect class="{kind}" fill-opacity="{opacity:.2f}" x="{left}" y="{top}" '
        f'width="{CELL_WIDTH - GAP}" height="{CELL_HEIGHT - GAP}" rx="4"/>',
        _text(middle, top + CELL_HEIGHT / 2 + 3, f"{cell.count:,}", classes=" ".join(names)),
    ]


def _text(
    across: float, down: float, words: str, *, anchor: str = "middle", classes: str = ""
) -> str:
    named = f' class="{classes}"' if classes else ""
    return f'<text{named} x="{across:g}" y="{down:g}" text-anchor="{anchor}">{escape(words)}</text>'
