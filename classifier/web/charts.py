"""Curves of a model as pictures: coordinates for the template `web/partials/chart.html`.

Each chart also has its numbers as a table, for people who cannot see it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from classifier.bundles.schema import EpochRecord, Evaluation, ReliabilityBin, RocCurve
from classifier.cards.numbers import decimals, percent

Point = Sequence[float]
Series = Mapping[str, Sequence[tuple[float, float]]]

# The plot area within the picture, in its units.
LEFT, RIGHT, TOP, BOTTOM = 44, 304, 34, 214
TICKS: Final = 5
FALSE_POSITIVE_RATES: Final = (0.01, 0.05, 0.1, 0.2)
TABLE_EPOCHS: Final = 25
# A value beyond it comes from a training that diverged, and leaves nothing else to see.
BOUNDLESS: Final = 1e9
PROPORTIONS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Axis:
    """Maps values in `range` to positions in the picture from `start` to `end`.

    `words` stand at the marks instead of their numbers, where there are any.
    """

    label: str
    marks: Sequence[float]
    range: tuple[float, float]
    start: float
    end: float
    words: Sequence[str] = ()

    def at(self, value: float) -> float:
        low, high = self.range
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[Tick]:
        low, high = self.range
        words = self.words or [f"{mark:g}" for mark in self.marks]
        named = zip(self.marks, words, strict=True)
        return [Tick(self.at(mark), text) for mark, text in named if low <= mark <= high]


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


def line_points(x: Axis, y: Axis, values: Sequence[Point]) -> str:
    """Values (x, y) as the points of a line in the picture."""
    return " ".join(f"{x.at(first):g},{y.at(second):g}" for first, second in values)


def roc_chart(evaluation: Evaluation | None) -> Chart | None:
    """Every class's curve against the rest, the lowest drawn strong; None without curves."""
    if evaluation is None or not evaluation.roc:
        return None
    curves = sorted(evaluation.roc, key=lambda curve: curve.auc, reverse=True)
    x = across("False positive rate", PROPORTIONS, 1)
    y = upward("True positive rate", PROPORTIONS)
    lines = [
        Line("strong" if curve is curves[-1] else "faint", line_points(x, y, curve.points))
        for curve in curves
    ]
    point = evaluation.operating_point
    dot = f"The dot is the threshold {point.threshold:.3f}; the" if point else "The"
    return Chart(
        slug="roc",
        title="ROC curve" if len(curves) == 1 else "ROC curves",
        description=f"{_roc_description(curves)} {evaluation.n:,} {evaluation.images_noun}.",
        x=x,
        y=y,
        lines=[Line("diagonal", line_points(x, y, [(0, 0), (1, 1)])), *lines],
        dots=[Dot(x.at(1 - point.specificity), y.at(point.sensitivity), 5)] if point else [],
        note=f"{dot} dashed line is chance.",
        columns=["Class", "AUC", *(f"TPR at FPR ≤ {rate:g}" for rate in FALSE_POSITIVE_RATES)],
        rows=[_roc_row(curve) for curve in curves],
    )


def _roc_description(curves: Sequence[RocCurve]) -> str:
    highest, lowest = curves[0], curves[-1]
    if len(curves) == 1:
        return f"{highest.label.capitalize()} against the rest, AUC {decimals(highest.auc)}."
    return (
        f"Each of {len(curves)} classes against the rest. The strong line is {lowest.label}, the "
        f"lowest with AUC {decimals(lowest.auc)}; the highest is {highest.label} with "
        f"{decimals(highest.auc)}."
    )


def _roc_row(curve: RocCurve) -> list[str]:
    reached = [
        max(true for false, true in [(0.0, 0.0), *curve.points] if false <= rate)
        for rate in FALSE_POSITIVE_RATES
    ]
    return [curve.label, decimals(curve.auc), *map(decimals, reached)]


def reliability_chart(evaluation: Evaluation | None) -> Chart | None:
    """Accuracy over confidence; the larger a dot, the more images. None without bins.

    Where the model was calibrated, what it was before is a dashed line.
    """
    if evaluation is None or not evaluation.reliability:
        return None
    bins, limits = evaluation.reliability, evaluation.uncertainty
    before = limits.calibration.before if limits else None
    x, y = across("Confidence", PROPORTIONS, 1), upward("Accuracy", PROPORTIONS)
    after = Line("strong" if before else "faint", _bin_points(x, y, bins), "After calibration")
    stages = [Line("dashed", _bin_points(x, y, before.reliability), "Before")] if before else []
    most = max(each.count for each in bins) or 1
    earlier = f", before calibration {decimals(before.ece)}" if before else ""
    return Chart(
        slug="reliability",
        title="Reliability",
        description=(
            f"How often the model was right by how confident it was: {evaluation.n:,} "
            f"{evaluation.images_noun} in {len(bins)} groups. Expected calibration error "
            f"{decimals(evaluation.ece)}{earlier}."
        ),
        note="A larger dot is more images. On the dotted line confidence equals accuracy.",
        x=x,
        y=y,
        lines=[Line("diagonal", line_points(x, y, [(0, 0), (1, 1)])), *stages, after],
        legend=[after, *stages] if before else [],
        dots=[
            Dot(
                x.at(each.confidence),
                y.at(each.accuracy),
                round(2 + 6 * math.sqrt(each.count / most), 1),
            )
            for each in bins
        ],
        columns=["Mean confidence", "Accuracy", "Images"],
        rows=[
            *_bin_rows(bins, "after calibration" if before else ""),
            *_bin_rows(before.reliability if before else (), "before"),
        ],
    )


def _bin_points(x: Axis, y: Axis, bins: Sequence[ReliabilityBin]) -> str:
    return line_points(x, y, [(each.confidence, each.accuracy) for each in bins])


def _bin_rows(bins: Sequence[ReliabilityBin], stage: str) -> list[list[str]]:
    return [
        [f"{percent(each.confidence)} {stage}".rstrip(), percent(each.accuracy), f"{each.count:,}"]
        for each in bins
    ]


def history_charts(history: Sequence[EpochRecord], selected: int | None) -> list[Chart]:
    """Loss and accuracy on training and validation images by epoch; what is absent is left out.

    `selected` is the epoch whose weights are used.
    """
    loss = _series(history, validation="val_loss", training="loss")
    accuracy = _series(history, validation="val_accuracy", training="accuracy")
    charts = []
    if values := _values(loss):
        y = upward("Loss", steps(min(0.0, *values), max(values)))
        charts.append(_history_chart("loss", loss, y, selected))
    if values := _values(accuracy):
        lowest = math.floor(10 * min(values)) / 10
        y = upward("Accuracy", steps(lowest, max(1.0, *values)))
        charts.append(_history_chart("accuracy", accuracy, y, selected))
    return charts


def _series(history: Sequence[EpochRecord], *, validation: str, training: str) -> Series:
    """Points (epoch, value) by what they were measured on; without what has none."""
    found = {
        name: [
            (float(line.epoch), value)
            for line in history
            if abs(value := getattr(line, column)) < BOUNDLESS and line.epoch < BOUNDLESS
        ]
        for name, column in {"Validation": validation, "Training": training}.items()
    }
    return {name: points for name, points in found.items() if points}


def _values(series: Series) -> list[float]:
    return [value for points in series.values() for _, value in points]


def _history_chart(slug: str, series: Series, y: Axis, selected: int | None) -> Chart:
    epochs = max(1.0, *(epoch for points in series.values() for epoch, _ in points))
    x = across("Epoch", steps(0, epochs), epochs)
    kinds = {"Validation": "strong", "Training": "dashed"}
    legend = [Line(kinds[name], line_points(x, y, points), name) for name, points in series.items()]
    upright = []
    if selected and selected <= x.range[1]:
        at = f"{x.at(selected):g}"
        upright = [Line("selected", f"{at},{TOP} {at},{BOTTOM}")]
    ends = [
        f"{name.lower()} {points[0][1]:.3f} at first and {points[-1][1]:.3f} at the end"
        for name, points in series.items()
    ]
    chosen = f" The weights are those of epoch {selected}, the upright line." if selected else ""
    return Chart(
        slug=f"history-{slug}",
        title=f"{y.label} in training",
        description=f"{y.label}: {'; '.join(ends)}.{chosen}",
        x=x,
        y=y,
        lines=[*upright, *legend],
        legend=legend,
        columns=["Epoch", *series],
        rows=_history_rows(series, selected),
    )


def steps(low: float, high: float) -> list[float]:
    """Round values, evenly spaced, that reach from `low` or below to `high` or above."""
    width = (high - low) / TICKS or 1.0
    magnitude = 10.0 ** math.floor(math.log10(width))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= width)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * each, 10) for each in range(first, max(last, first + 1) + 1)]


def _history_rows(series: Series, selected: int | None) -> list[list[str]]:
    columns = [dict(points) for points in series.values()]
    epochs = sorted({epoch for column in columns for epoch in column})
    every = math.ceil(len(epochs) / TABLE_EPOCHS)
    kept = {*epochs[::every], epochs[-1], *([float(selected)] if selected in epochs else [])}
    return [
        [f"{epoch:g}", *(f"{column[epoch]:.4f}" if epoch in column else "–" for column in columns)]
        for epoch in sorted(kept)
    ]
