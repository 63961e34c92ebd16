"""A confusion matrix as an SVG picture, for cards that are read outside the application."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

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


def render_matrix(labels: Sequence[str], matrix: Sequence[Sequence[int]], title: str) -> str:
    """Give the picture: true classes down, predicted ones across, shaded by the share of the row.

    `matrix` holds counts (classes, classes).
    """
    width = LEFT + len(labels) * CELL_WIDTH + MARGIN
    height = TOP + len(labels) * CELL_HEIGHT + MARGIN
    parts = [
        f'<rect class="ground" width="{width}" height="{height}" rx="8"/>',
        *_heading(labels),
        *(part for row, counts in enumerate(matrix) for part in _row(row, counts)),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label={quoteattr(title)}>\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _heading(labels: Sequence[str]) -> list[str]:
    parts = [
        _text(LEFT - 12, 24, "true class ↓", anchor="end"),
        _text(LEFT, 24, "predicted class →", anchor="start"),
    ]
    for index, label in enumerate(labels):
        across = LEFT + index * CELL_WIDTH + CELL_WIDTH / 2
        words = label.split()
        first = TOP - 8 - LINE * (len(words) - 1)
        parts += [_text(across, first + LINE * line, word) for line, word in enumerate(words)]
        down = TOP + index * CELL_HEIGHT + CELL_HEIGHT / 2 + 4
        parts.append(_text(LEFT - 12, down, label, anchor="end"))
    return parts


def _row(row: int, counts: Sequence[int]) -> list[str]:
    total = max(1, sum(counts))
    return [
        part
        for column, count in enumerate(counts)
        for part in _cell(row, column, count, count / total)
    ]


def _cell(row: int, column: int, count: int, share: float) -> list[str]:
    left, top = LEFT + column * CELL_WIDTH, TOP + row * CELL_HEIGHT
    kind, opacity = ("some", _opacity(share)) if count else ("none", 1.0)
    names = ["count", *(["right"] if row == column else []), *(["strong"] if share > 0.5 else [])]
    return [
        f'<rect class="{kind}" fill-opacity="{opacity:.2f}" x="{left}" y="{top}" '
        f'width="{CELL_WIDTH - GAP}" height="{CELL_HEIGHT - GAP}" rx="4"/>',
        _text(
            left + (CELL_WIDTH - GAP) / 2,
            top + CELL_HEIGHT / 2 + 3,
            f"{count:,}",
            classes=" ".join(names),
        ),
    ]


def _opacity(share: float) -> float:
    """Leave out the middle of the scale, on which neither dark nor light text can be read."""
    return 0.12 + 0.5 * share if share <= 0.5 else 0.76 + 0.24 * share


def _text(
    across: float, down: float, words: str, *, anchor: str = "middle", classes: str = ""
) -> str:
    named = f' class="{classes}"' if classes else ""
    return f'<text{named} x="{across:g}" y="{down:g}" text-anchor="{anchor}">{escape(words)}</text>'
