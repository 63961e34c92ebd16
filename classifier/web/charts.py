"""Curves of a model as pictures: coordinates for the template `web/partials/chart.html`.

Each chart also has its numbers as a table, for people who cannot see it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from classifier.web.presenters import decimals, percent

Point = Sequence[float]
Epochs = Sequence[dict[str, float]]
Bins = Sequence[dict[str, Any]]

# The plot area within the picture, in its units.
LEFT, RIGHT, TOP, BOTTOM = 44, 304, 34, 214
TICKS: Final = 5
FALSE_POSITIVE_RATES: Final = (0.01, 0.05, 0.1, 0.2)
TABLE_EPOCHS: Final = 25
# A value beyond it comes from a training that diverged, and leaves nothing else to see.
BOUNDLESS: Final = 1e9
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Axis:
    """Maps values in `range` to positions in the picture from `start` to `end`."""

    label: str
    marks: Sequence[float]
    range: tuple[float, float]
    start: float
    end: float

    def at(self, value: float) -> float:
        low, high = self.range
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[Tick]:
        low, high = self.range
        return [Tick(self.at(mark), f"{mark:g}") for mark in self.marks if low <= mark <= high]


@dataclass(frozen=True)
class Line:
    """A line through points "x,y x,y"; `kind` names its style."""

    kind: str
    points: str
    label: str = ""


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Chart:
    """A picture, what it shows in words, and its numbers as a table."""

    slug: str
    title: str
    description: str
    x: Axis
    y: Axis
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    lines: Sequence[Line] = ()
    dots: Sequence[Dot] = ()
    legend: Sequence[Line] = field(default=())


def across(label: str, marks: Sequence[float], last: float) -> Axis:
    """An axis to the right, from the first mark to `last`."""
    return Axis(label, marks, (marks[0], last), LEFT, RIGHT)


def upward(label: str, marks: Sequence[float]) -> Axis:
    """An upright axis, from the first mark to the last."""
    return Axis(label, marks, (marks[0], marks[-1]), BOTTOM, TOP)


def _points(x: Axis, y: Axis, values: Sequence[Point]) -> str:
    return " ".join(f"{x.at(first):g},{y.at(second):g}" for first, second in values)


def roc_chart(evaluation: dict[str, Any]) -> Chart | None:
    """Every class's curve against the rest, the lowest drawn strong; None without curves."""
    curves = sorted(evaluation.get("roc", ()), key=lambda curve: curve["auc"], reverse=True)
    if not curves:
        return None
    x, y = across("False positive rate", SHARES, 1), upward("True positive rate", SHARES)
    lowest = curves[-1]
    lines = [
        Line("strong" if curve is lowest else "faint", _points(x, y, curve["points"]))
        for curve in curves
    ]
    dots, note = _operating_dot(evaluation, x, y)
    return Chart(
        slug="roc",
        title="ROC curve" if len(curves) == 1 else "ROC curves",
        description=f"{_roc_description(curves)} {evaluation['n']:,} test images.",
        x=x,
        y=y,
        lines=[Line("diagonal", _points(x, y, [(0, 0), (1, 1)])), *lines],
        dots=dots,
        note=note or "The dashed line is chance.",
        columns=["Class", "AUC", *(f"TPR at FPR ≤ {rate:g}" for rate in FALSE_POSITIVE_RATES)],
        rows=[_roc_row(curve) for curve in curves],
    )


def _roc_description(curves: Sequence[dict[str, Any]]) -> str:
    highest, lowest = curves[0], curves[-1]
    if len(curves) == 1:
        return f"{highest['label'].capitalize()} against the rest, AUC {decimals(highest['auc'])}."
    return (
        f"Each of {len(curves)} classes against the rest. The strong line is "
        f"{lowest['label']}, the lowest with AUC {decimals(lowest['auc'])}; the highest is "
        f"{highest['label']} with {decimals(highest['auc'])}."
    )


def _operating_dot(evaluation: dict[str, Any], x: Axis, y: Axis) -> tuple[list[Dot], str]:
    point = evaluation.get("operating_point")
    if not point:
        return [], ""
    dot = Dot(x.at(1 - point["specificity"]), y.at(point["sensitivity"]), 5)
    return [dot], f"The dot is the threshold {point['threshold']:.3f}; the dashed line is chance."


def _roc_row(curve: dict[str, Any]) -> list[str]:
    reached = [
        max(true for false, true in [(0.0, 0.0), *curve["points"]] if false <= rate)
        for rate in FALSE_POSITIVE_RATES
    ]
    return [curve["label"], decimals(curve["auc"]), *map(decimals, reached)]


def reliability_chart(evaluation: dict[str, Any]) -> Chart | None:
    """Accuracy over confidence; the larger a dot, the more images. None without bins.

    Where the model was calibrated, what it was before is a dashed line.
    """
    bins = evaluation.get("reliability")
    if not bins:
        return None
    x, y = across("Confidence", SHARES, 1), upward("Accuracy", SHARES)
    before = evaluation.get("uncertainty", {}).get("calibration", {}).get("before")
    earlier = before["reliability"] if before else []
    after = Line("strong" if before else "faint", _bin_points(x, y, bins), "After calibration")
    stages = [Line("dashed", _bin_points(x, y, earlier), "Before")] if before else []
    most = max(each["count"] for each in bins) or 1
    return Chart(
        slug="reliability",
        title="Reliability",
        description=_reliability_description(evaluation, len(bins), before),
        note="A larger dot is more images. On the dotted line confidence equals accuracy.",
        x=x,
        y=y,
        lines=[Line("diagonal", _points(x, y, [(0, 0), (1, 1)])), *stages, after],
        legend=[after, *stages] if before else [],
        dots=[
            Dot(
                x.at(each["confidence"]),
                y.at(each["accuracy"]),
                round(2 + 6 * math.sqrt(each["count"] / most), 1),
            )
            for each in bins
        ],
        columns=["Mean confidence", "Accuracy", "Images"],
        rows=[
            *_bin_rows(bins, "after calibration" if before else ""),
            *_bin_rows(earlier, "before"),
        ],
    )


def _bin_points(x: Axis, y: Axis, bins: Bins) -> str:
    return _points(x, y, [(each["confidence"], each["accuracy"]) for each in bins])


def _bin_rows(bins: Bins, stage: str) -> list[list[str]]:
    return [
        [
            f"{percent(each['confidence'])} {stage}".rstrip(),
            percent(each["accuracy"]),
            f"{each['count']:,}",
        ]
        for each in bins
    ]


def _reliability_description(
    evaluation: dict[str, Any], groups: int, before: dict[str, Any] | None
) -> str:
    earlier = f", before calibration {decimals(before['ece'])}" if before else ""
    return (
        f"How often the model was right by how confident it was: {evaluation['n']:,} test images "
        f"in {groups} groups. Expected calibration error {decimals(evaluation['ece'])}{earlier}."
    )


def history_charts(history: Epochs, selected: int | None) -> list[Chart]:
    """Loss and accuracy on training and validation images by epoch; what is absent is left out.

    `selected` is the epoch whose weights are used.
    """
    charts = [
        _history_chart(history, selected, "loss", "Loss"),
        _history_chart(history, selected, "accuracy", "Accuracy"),
    ]
    return [chart for chart in charts if chart]


def _history_chart(history: Epochs, selected: int | None, key: str, title: str) -> Chart | None:
    names = {f"val_{key}": "Validation", key: "Training"}
    series = {name: _series(history, column) for column, name in names.items()}
    series = {name: points for name, points in series.items() if points}
    if not series:
        return None
    values = [value for points in series.values() for _, value in points]
    first = min(0.0, *values) if key == "loss" else math.floor(10 * min(values)) / 10
    last = max(values) if key == "loss" else max(1.0, *values)
    epochs = max(1.0, *(epoch for points in series.values() for epoch, _ in points))
    x = across("Epoch", steps(0, epochs), epochs)
    y = upward(title, steps(first, last))
    kinds = {"Validation": "strong", "Training": "dashed"}
    legend = [Line(kinds[name], _points(x, y, points), name) for name, points in series.items()]
    return Chart(
        slug=f"history-{key}",
        title=f"{title} in training",
        description=_history_description(title, series, selected),
        x=x,
        y=y,
        lines=[*_selected_line(selected, x), *legend],
        legend=legend,
        columns=["Epoch", *series],
        rows=_history_rows(series, selected),
    )


def _series(history: Epochs, column: str) -> list[tuple[float, float]]:
    pairs = [(line["epoch"], line.get(column, math.nan)) for line in history]
    return [pair for pair in pairs if all(abs(value) < BOUNDLESS for value in pair)]


def steps(low: float, high: float) -> list[float]:
    """Round values, evenly spaced, that reach from `low` or below to `high` or above."""
    width = (high - low) / TICKS or 1.0
    magnitude = 10.0 ** math.floor(math.log10(width))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= width)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * each, 10) for each in range(first, max(last, first + 1) + 1)]


def _selected_line(selected: int | None, x: Axis) -> list[Line]:
    if not selected or selected > x.range[1]:
        return []
    return [Line("selected", f"{x.at(selected):g},{TOP} {x.at(selected):g},{BOTTOM}")]


def _history_description(
    title: str, series: dict[str, list[tuple[float, float]]], selected: int | None
) -> str:
    ends = [
        f"{name.lower()} {points[0][1]:.3f} at first and {points[-1][1]:.3f} at the end"
        for name, points in series.items()
    ]
    chosen = f" The weights are those of epoch {selected}, the upright line." if selected else ""
    return f"{title}: {'; '.join(ends)}.{chosen}"


def _history_rows(
    series: dict[str, list[tuple[float, float]]], selected: int | None
) -> list[list[str]]:
    columns = [dict(points) for points in series.values()]
    epochs = sorted({epoch for column in columns for epoch in column})
    every = math.ceil(len(epochs) / TABLE_EPOCHS)
    kept = {*epochs[::every], epochs[-1], *([float(selected)] if selected in epochs else [])}
    return [
        [f"{epoch:g}", *(f"{column[epoch]:.4f}" if epoch in column else "–" for column in columns)]
        for epoch in sorted(kept)
    ]
