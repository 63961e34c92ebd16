"""Numbers as the pages show them."""

from datetime import UTC, datetime, timedelta

import pytest

from classifier.web.model_figures import confusion_rows
from classifier.web.presenters import decimals, gloss, percent, seconds, share_measure, span
from tests.factories import evaluation_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0%"),
        (0.0004, "<0.1%"),
        (0.001, "0.1%"),
        (0.98149, "98.1%"),
        (0.999, "99.9%"),
        (0.99996, ">99.9%"),
        (1 - 2**-52, "100.0%"),
        (1.0, "100.0%"),
    ],
)
def test_percent_never_rounds_to_certainty(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0.0, "0.000"), (0.0001, "<0.001"), (0.9119, "0.912"), (0.9997, ">0.999"), (1.0, "1.000")],
)
def test_decimals_never_round_to_perfection(figure: float, text: str) -> None:
    assert decimals(figure) == text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.889, 0.9745), "0.889–0.975"),
        ((0.9983, 0.99988), "0.9983–0.9999"),
        ((0.99979, 0.999951), "0.99979–0.99995"),
        ((0.97, 1 - 2**-52), "0.970–1.000"),
        ((0.0, 0.02), "0.000–0.020"),
    ],
)
def test_intervals_never_round_to_perfection(ends: tuple[float, float], text: str) -> None:
    assert span(*ends) == text


def test_shares_have_intervals_that_never_round_to_certainty() -> None:
    assert share_measure(0.9999, [0.9996, 0.99999]).interval == ">99.9–>99.9%"
    assert share_measure(0.0, [0.0, 0.0011]).interval == "0.0–0.1%"


@pytest.mark.parametrize(
    ("passed", "text"), [(0.42, "0.4 s"), (59.9, "59.9 s"), (125, "2 min"), (-1, "0.0 s")]
)
def test_seconds(passed: float, text: str) -> None:
    assert seconds(NOW, NOW + timedelta(seconds=passed)) == text


def test_seconds_of_what_has_not_ended() -> None:
    assert seconds(NOW, None) == seconds(None, NOW) == ""


def test_gloss_of_an_unknown_class_is_empty() -> None:
    assert gloss("bloodmnist", "platelet")
    assert gloss("bloodmnist", "unicorn") == gloss("no-dataset", "platelet") == ""


def test_confusion_matrix_is_shaded_by_row() -> None:
    evaluation = evaluation_of(["a", "b"])
    evaluation["confusion_matrix"] = [[999, 1], [0, 0]]
    (_, first), (_, second) = confusion_rows(evaluation)
    assert [(cell.count, cell.shade) for cell in first] == [(999, 10), (1, 1)]
    assert [cell.shade for cell in second] == [0, 0]
    assert [cell.is_diagonal for cell in first] == [True, False]
