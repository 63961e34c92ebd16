"""Pieces of Markdown that model cards and their index are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.bundles.registry import Bundle

Values = Mapping[str, Any]

WARNING = "**Research use only, not for diagnosis.**"
NOTHING = "–"


def section(title: str, text: str) -> str:
    """Give a section of the second level."""
    return f"## {title}\n\n{text}"


def bullets(items: Sequence[str]) -> str:
    """Give a list, one item a line."""
    return "\n".join(f"- {item}" for item in items)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_interval(value: float, interval: Sequence[float] | None) -> str:
    """Give a figure to four decimals, and its interval where there is one."""
    if interval is None:
        return f"{value:.4f}"
    low, high = interval
    return f"{value:.4f} ({low:.4f}–{high:.4f})"


def measured(evaluation: Values, name: str) -> str:
    """Give `accuracy`, or a weighted average of that name, with its interval."""
    if name in evaluation:
        return with_interval(evaluation[name], evaluation["intervals"].get(name))
    averages = evaluation["intervals"].get("weighted_avg", {})
    return with_interval(evaluation["weighted_avg"][name], averages.get(name))


def reported(bundle: Bundle, name: str) -> str:
    """Give a figure of the original report, or a dash."""
    value = (bundle.metadata["reported"] or {}).get(name)
    return NOTHING if value is None else f"{value:.2f}"


def input_text(bundle: Bundle) -> str:
    """Say what the network takes, such as `64 × 64 RGB`."""
    kind = "RGB" if bundle.channels == 3 else "grey"
    return f"{bundle.input_size} × {bundle.input_size} {kind}"
