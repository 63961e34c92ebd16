"""Measured values as cards and pages write them."""

import pytest

from classifier.cards.numbers import Metric, decimals, percent, span


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0\xa0%"),
        (0.0004, "<0.1\xa0%"),
        (0.001, "0.1\xa0%"),
        (0.98149, "98.1\xa0%"),
        (0.999, "99.9\xa0%"),
        (0.99996, ">99.9\xa0%"),
        (1 - 2**-52, "100.0\xa0%"),
        (1.0, "100.0\xa0%"),
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


def test_proportions_have_intervals_that_never_round_to_certainty() -> None:
    assert Metric(0.9999, (0.9996, 0.99999)).percent_interval == ">99.9–>99.9\xa0%"
    assert Metric(0.0, (0.0, 0.0011)).percent_interval == "0.0–0.1\xa0%"


def test_what_is_not_known_is_a_dash_without_an_interval() -> None:
    unknown = Metric(None)
    assert (str(unknown), unknown.percent, unknown.decimals) == ("–", "–", "–")
    assert unknown.percent_interval == unknown.decimals_interval == ""
