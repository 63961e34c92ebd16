"""Coordinates, words and numbers of the curves."""

import math
from typing import Any

import pytest

from classifier.bundles.schema import EpochRecord, Evaluation
from classifier.web import charts
from classifier.web.charts import Chart
from tests.factories import curves_of, evaluation_of, uncertainty_of

CLASSES = ["basophil", "monocyte", "platelet"]


@pytest.fixture
def evaluation() -> dict[str, Any]:
    return evaluation_of(CLASSES) | curves_of(CLASSES)


def roc(evaluation: dict[str, Any]) -> Chart:
    chart = charts.roc_chart(Evaluation.model_validate(evaluation))
    assert chart is not None
    return chart


def reliability(evaluation: dict[str, Any]) -> Chart:
    chart = charts.reliability_chart(Evaluation.model_validate(evaluation))
    assert chart is not None
    return chart


def test_the_corners_of_the_plot(evaluation: dict[str, Any]) -> None:
    chart = roc(evaluation)
    diagonal, curve, *_ = chart.lines
    left_bottom, right_top = diagonal.points.split()
    assert left_bottom == f"{charts.LEFT},{charts.BOTTOM}"
    assert right_top == f"{charts.RIGHT},{charts.TOP}"
    assert curve.points.split()[0] == left_bottom
    assert curve.points.split()[-1] == right_top


def test_the_lowest_curve_is_strong_and_named(evaluation: dict[str, Any]) -> None:
    evaluation["roc"][1]["auc"] = 0.71
    chart = roc(evaluation)
    assert [line.kind for line in chart.lines] == ["diagonal", "faint", "faint", "strong"]
    assert "The strong line is monocyte, the lowest with AUC 0.710" in chart.description
    assert chart.rows[-1] == ["monocyte", "0.710", "0.000", "0.900", "0.900", "0.900"]


def test_the_operating_point_lies_on_the_curves_plane(evaluation: dict[str, Any]) -> None:
    chart = roc(evaluation)
    [dot] = chart.dots
    assert dot.x == pytest.approx(44 + 260 * (1 - 0.807), abs=0.1)
    assert dot.y == pytest.approx(214 - 180 * 0.881, abs=0.1)
    assert "0.310" in chart.note


def test_the_bin_with_most_images_has_the_largest_dot(evaluation: dict[str, Any]) -> None:
    chart = reliability(evaluation)
    assert [dot.radius for dot in chart.dots] == [5, 8]
    assert chart.rows == [["55.0\xa0%", "50.0\xa0%", "20"], ["95.0\xa0%", "90.0\xa0%", "80"]]


def test_reliability_before_calibration_is_a_dashed_line(evaluation: dict[str, Any]) -> None:
    evaluation["uncertainty"] = uncertainty_of(CLASSES)
    chart = reliability(evaluation)
    assert [line.kind for line in chart.lines] == ["diagonal", "dashed", "strong"]
    assert [line.label for line in chart.legend] == ["After calibration", "Before"]
    assert len(chart.dots) == 2
    assert "error 0.020, before calibration 0.083." in chart.description
    assert [row[0] for row in chart.rows] == [
        "55.0\xa0% after calibration",
        "95.0\xa0% after calibration",
        "95.0\xa0% before",
    ]


def test_without_curves_there_is_no_chart() -> None:
    old = evaluation_of(CLASSES)
    for evaluation in (old, {**old, "roc": []}):
        assert charts.roc_chart(Evaluation.model_validate(evaluation)) is None
    assert charts.reliability_chart(Evaluation.model_validate(old)) is None
    assert charts.roc_chart(None) is charts.reliability_chart(None) is None
    assert charts.history_charts([], None) == []


def test_a_long_history_has_a_short_table_with_the_selected_epoch() -> None:
    history = [EpochRecord(epoch=n, loss=2 / n, val_loss=3 / n) for n in range(1, 451)]
    [chart] = charts.history_charts(history, 77)
    shown = [row[0] for row in chart.rows]
    assert len(shown) <= 28
    assert {"1", "77", "450"} <= set(shown)
    assert [line.kind for line in chart.lines] == ["selected", "strong", "dashed"]
    assert [line.label for line in chart.legend] == ["Validation", "Training"]
    assert len(chart.legend[0].points.split()) == 450


@pytest.mark.parametrize(
    "history",
    [
        [{"epoch": 1, "loss": 0.0, "accuracy": 1.0}],
        [{"epoch": 1, "loss": 1e300}, {"epoch": 2, "loss": -5.0}],
        [{"epoch": 1, "loss": 1.7e308}, {"epoch": 2, "loss": -1.7e308}],
        [{"epoch": 1, "loss": math.nan}, {"epoch": 2, "loss": math.inf}],
        [{"epoch": 3, "seconds": 1.0}],
        [{"epoch": 2, "accuracy": 50.0}, {"epoch": 5000000000, "accuracy": -3.0}],
    ],
)
def test_odd_histories_give_charts_of_finite_numbers(history: list[dict[str, float]]) -> None:
    records = [EpochRecord.model_validate(line) for line in history]
    for chart in charts.history_charts(records, 1):
        for line in chart.lines:
            assert "nan" not in line.points
            assert "inf" not in line.points
        assert chart.x.ticks
        assert chart.y.ticks


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.9, 1, [0.9, 0.92, 0.94, 0.96, 0.98, 1.0]),
        (0, 2.3, [0, 0.5, 1.0, 1.5, 2.0, 2.5]),
        (0, 24, [0, 5, 10, 15, 20, 25]),
        (0, 0, [0, 1]),
    ],
)
def test_marks_are_round_and_reach_both_ends(low: float, high: float, marks: list[float]) -> None:
    assert charts.steps(low, high) == pytest.approx(marks)
