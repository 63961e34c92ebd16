"""The figures of a validation as its pages show them: tables, charts, a threshold to move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from classifier.bundles.schema import ReliabilityBin
from classifier.cards.confusion import Cell
from classifier.cards.numbers import Metric, decimals, percent
from classifier.models import Validation
from classifier.validation.report import (
    ClassFigures,
    Enough,
    Estimate,
    HomeFigures,
    OperatingCurve,
    OperatingRow,
    ValidationReport,
)
from classifier.web.charts import PROPORTIONS, Chart, Dot, Line, across, line_points, upward

DEFAULT_THRESHOLD: Final = 0.5
HIGHEST_RISKS: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Beside:
    """A figure here and at home; `is_percent` where it is a proportion of images."""

    name: str
    here: Metric
    home: Metric | None
    is_percent: bool = True
    aim: float | None = None


@dataclass(frozen=True)
class ClassRow:
    """The figures of a class, and its recall at home."""

    label: str
    n: int
    recall: Metric
    home: Metric | None
    precision: Metric
    specificity: Metric
    f1: Metric
    auc: Metric
    coverage: Metric | None


@dataclass(frozen=True)
class LinkedRow:
    """A row of the confusion matrix: the cells with the class that each is for."""

    label: str
    cells: list[tuple[str, Cell]]


@dataclass(frozen=True)
class Operating:
    """Calling one class by a threshold: the choice and what it comes to."""

    curve: OperatingCurve
    chosen: OperatingRow
    classes: list[str]
    chart: Chart

    @property
    def rates(self) -> list[tuple[str, Metric]]:
        """Sensitivity, specificity and precision at the chosen threshold."""
        return [
            ("Sensitivity", metric(self.chosen.sensitivity)),
            ("Specificity", metric(self.chosen.specificity)),
            ("Precision", metric(self.chosen.precision)),
        ]

    @property
    def rows(self) -> Sequence[OperatingRow]:
        """Every fifth threshold, for a table."""
        return self.curve.rows[4::5]


@dataclass(frozen=True)
class ValidationPage:
    """All that a page or a report shows."""

    report: ValidationReport
    headline: list[Beside]
    classes: list[ClassRow]
    absent: list[str]
    confusion: list[LinkedRow]
    charts: list[Chart]
    operating: Operating | None
    enough: list[tuple[Enough, str]]


def metric(estimate: Estimate) -> Metric:
    """An estimate as cards write figures."""
    return Metric(estimate.value, estimate.interval, estimate.n)


def row_of(validation: Validation) -> tuple[Validation, list[Beside]]:
    """A validation for the list of a set, with its first figures where they are there."""
    if validation.report is None:
        return validation, []
    report = ValidationReport.model_validate(validation.report)
    return validation, _headline(report)[:3]


def page_of(validation: Validation, query: QueryDict) -> ValidationPage:
    """The page of a validation that has its figures.

    Args:
        query: `class` and `threshold` choose the operating point.
    """
    report = ValidationReport.model_validate(validation.report)
    figures = report.figures
    home = report.home
    return ValidationPage(
        report=report,
        headline=_headline(report),
        classes=[_class_row(each, home) for each in figures.present],
        absent=[each.label for each in figures.per_class if not each.recall.n],
        confusion=_confusion(figures.labels, figures.confusion_matrix),
        charts=[_reliability(report), _risk_coverage(report)],
        operating=_operating(report, query),
        enough=[
            (each, "–" if each.now is None else f"± {100 * each.now:.1f} points")
            for each in figures.enough
        ],
    )


def _headline(report: ValidationReport) -> list[Beside]:
    figures, home, sets = report.figures, report.home, report.figures.sets

    def beside(
        name: str, here: Estimate, there: Estimate | None = None, aim: float | None = None
    ) -> Beside:
        at_home = metric(there) if there else None
        return Beside(name, metric(here), at_home, is_percent=name != "AUC", aim=aim)

    rows = [
        beside("Accuracy", figures.accuracy, home.accuracy if home else None),
        beside(
            "Balanced accuracy",
            figures.balanced_accuracy,
            home.balanced_accuracy if home else None,
        ),
        beside("AUC", figures.auc, home.auc if home else None),
        beside("F1, mean of the classes", figures.macro_f1),
    ]
    if sets is None:
        return rows
    return [
        *rows,
        beside(
            "True class in its prediction set",
            sets.coverage,
            home.coverage if home else None,
            sets.coverage_aim,
        ),
        beside(
            "Accepted as like the training data",
            sets.accepted,
            home.accepted if home else None,
            sets.acceptance_aim,
        ),
        beside("Right where accepted", sets.accepted_accuracy),
        beside("Flagged to look at again", sets.flagged, home.flagged if home else None),
        beside("Errors that were flagged", sets.errors_flagged),
    ]


def _class_row(figures: ClassFigures, home: HomeFigures | None) -> ClassRow:
    there = home.recalls.get(figures.label) if home else None
    return ClassRow(
        label=figures.label,
        n=figures.recall.n,
        recall=metric(figures.recall),
        home=metric(there) if there else None,
        precision=metric(figures.precision),
        specificity=metric(figures.specificity),
        f1=metric(figures.f1),
        auc=metric(figures.auc),
        coverage=metric(figures.coverage) if figures.coverage else None,
    )


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[LinkedRow]:
    return [
        LinkedRow(
            label,
            [
                (predicted, Cell(count, count / max(1, sum(counts)), row == column))
                for column, (predicted, count) in enumerate(zip(labels, counts, strict=True))
            ],
        )
        for row, (label, counts) in enumerate(zip(labels, matrix, strict=True))
    ]


def _reliability(report: ValidationReport) -> Chart:
    found = report.figures.calibration
    x, y = across("Confidence", PROPORTIONS, 1), upward("Accuracy", PROPORTIONS)
    most = max(each.count for each in found.reliability)
    low, high = found.by_chance
    over = found.overconfidence
    return Chart(
        slug="reliability",
        title="Calibration",
        description=(
            f"How often the model was right by how confident it was. Expected calibration error "
            f"{decimals(found.ece)}; by chance alone it would be {decimals(low)}–{decimals(high)}. "
            f"Confidence minus accuracy: {_signed(over)}."
        ),
        note="A larger dot is more images; the upright lines are 95 % intervals.",
        x=x,
        y=y,
        lines=[
            Line("diagonal", line_points(x, y, [(0, 0), (1, 1)])),
            *(
                Line("faint", line_points(x, y, [(bin_.confidence, end) for end in each.interval]))
                for bin_, each in zip(found.reliability, found.bins_accuracy, strict=True)
                if each.interval
            ),
        ],
        dots=[
            Dot(x.at(each.confidence), y.at(each.accuracy), round(2 + 5 * each.count / most, 1))
            for each in found.reliability
        ],
        columns=["Mean confidence", "Accuracy", "95 % interval", "Images"],
        rows=[
            _bin_row(bin_, each)
            for bin_, each in zip(found.reliability, found.bins_accuracy, strict=True)
        ],
    )


def _bin_row(found: ReliabilityBin, accuracy: Estimate) -> list[str]:
    shown = metric(accuracy)
    return [percent(found.confidence), shown.percent, shown.percent_interval, f"{found.count:,}"]


def _signed(estimate: Estimate) -> str:
    if estimate.value is None or estimate.interval is None:
        return "not known"
    low, high = estimate.interval
    return f"{100 * estimate.value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def _risk_coverage(report: ValidationReport) -> Chart:
    found = report.figures.risk_coverage
    highest = max((each.risk.interval or (0, 0))[1] for each in found)
    top = next((each for each in HIGHEST_RISKS if each >= highest), 1.0)
    x, y = across("Part kept", PROPORTIONS, 1), upward("Errors", [top * p for p in PROPORTIONS])

    def band(end: int) -> str:
        return line_points(
            x, y, [(each.kept, (each.risk.interval or (0, 0))[end]) for each in found]
        )

    middle = line_points(x, y, [(each.kept, each.risk.value or 0.0) for each in found])
    first, last = metric(found[0].risk), metric(found[-1].risk)
    return Chart(
        slug="risk-coverage",
        title="Errors among the most confident",
        description=(
            f"With all images kept, {first.percent} are wrong; with the most confident "
            f"{percent(found[-1].kept)} kept, {last.percent}."
        ),
        note="The thin lines are the ends of the 95 % intervals.",
        x=x,
        y=y,
        lines=[Line("faint", band(0)), Line("faint", band(1)), Line("strong", middle)],
        columns=["Part kept", "Confidence from", "Errors", "95 % interval", "Images"],
        rows=[
            [
                percent(each.kept),
                percent(each.confidence),
                metric(each.risk).percent,
                metric(each.risk).percent_interval,
                f"{each.risk.n:,}",
            ]
            for each in found
        ],
    )


def _operating(report: ValidationReport, query: QueryDict) -> Operating | None:
    curves = {curve.label: curve for curve in report.figures.operating}
    if not curves:
        return None
    with_home = [curve for curve in curves.values() if curve.home_threshold is not None]
    first = max(with_home or curves.values(), key=lambda each: each.rows[0].sensitivity.n)
    curve = curves.get(query.get("class", ""), first)
    wanted = _number(query.get("threshold", ""), curve.home_threshold or DEFAULT_THRESHOLD)
    chosen = min(curve.rows, key=lambda row: abs(row.threshold - wanted))
    return Operating(curve, chosen, list(curves), _operating_chart(curve, chosen))


def _number(text: str, default: float) -> float:
    try:
        return float(text)
    except ValueError:
        return default


def _operating_chart(curve: OperatingCurve, chosen: OperatingRow) -> Chart:
    x, y = across("Threshold", PROPORTIONS, 1), upward("Share", PROPORTIONS)

    def line(kind: str, name: str, label: str) -> Line:
        values: list[tuple[float, float]] = [
            (row.threshold, value) for row in curve.rows if (value := _value(row, name)) is not None
        ]
        return Line(kind, line_points(x, y, values), label)

    legend = [
        line("strong", "sensitivity", "Sensitivity"),
        line("dashed", "specificity", "Specificity"),
    ]
    at = f"{x.at(chosen.threshold):g}"
    return Chart(
        slug="operating",
        title=f"Calling {curve.label} by a threshold",
        description=(
            f"At {chosen.threshold:.2f}, {metric(chosen.sensitivity).percent} of the images of "
            f"{curve.label} are called so, and {metric(chosen.specificity).percent} of the others "
            "are not."
        ),
        note="The upright line is the chosen threshold. Choosing one by these images flatters it.",
        x=x,
        y=y,
        lines=[Line("selected", f"{at},{y.start} {at},{y.end}"), *legend],
        legend=legend,
        columns=["Threshold", "Sensitivity", "95 % interval", "Specificity", "95 % interval"],
        rows=[
            [
                f"{row.threshold:.2f}",
                metric(row.sensitivity).percent,
                metric(row.sensitivity).percent_interval,
                metric(row.specificity).percent,
                metric(row.specificity).percent_interval,
            ]
            for row in curve.rows
        ],
    )


def _value(row: OperatingRow, name: str) -> float | None:
    found: Any = getattr(row, name)
    return None if found.value is None else float(found.value)
