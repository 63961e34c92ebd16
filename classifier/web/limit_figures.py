"""What was measured of prediction sets, refused images and calibration, as the pages show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classifier.cards.titles import pictures_title
from classifier.web.presenters import Measure, decimals, share_measure

Section = Mapping[str, Any]


@dataclass(frozen=True)
class LimitRow:
    """A figure of `n` images, with what it was fitted to reach, if anything."""

    name: str
    target: str
    measured: Measure
    n: int


@dataclass(frozen=True)
class DamageRow:
    """What a model makes of its `n` test images after damage of one kind.

    `measures`: accuracy, share accepted, accuracy of these, share of errors flagged.
    """

    name: str
    measures: list[Measure]
    n: int


@dataclass(frozen=True)
class Limits:
    """Rows on the test images, on those of each class, on images of other kinds, after damage."""

    answers: list[LimitRow]
    classes: list[LimitRow]
    refused: list[LimitRow]
    damaged: list[DamageRow]


def limits(evaluation: Mapping[str, Any]) -> Limits | None:
    """None for a model whose uncertainty was not measured."""
    section = evaluation.get("uncertainty")
    if not section:
        return None
    return Limits(
        answers=[*_answers(section), *_calibration(section["calibration"])],
        classes=[_limit_row(row["label"], row) for row in section["per_class"]],
        refused=[
            _limit_row(_sentence(pictures_title(row["images"])), row)
            for row in section["rejection"]
        ],
        damaged=[_damage_row(row) for row in section["corruptions"]],
    )


def _measure(share: Section) -> Measure:
    if share["share"] is None:
        return Measure("–")
    return share_measure(share["share"], share["interval"])


def _limit_row(name: str, share: Section) -> LimitRow:
    target = f"{100 * share['target']:g}%" if "target" in share else ""
    return LimitRow(name, target, _measure(share), share["n"])


def _answers(section: Section) -> list[LimitRow]:
    size = section["set_size"]
    return [
        _limit_row("True class in the set", section["coverage"]),
        LimitRow("Classes in a set, mean", "", Measure(f"{size['mean']:.2f}"), size["n"]),
        _limit_row("Sets of one class", size["single"]),
        _limit_row("Accepted", section["acceptance"]),
        _limit_row("Flagged", section["flagged"]),
        _limit_row("Errors flagged", section["errors_flagged"]),
    ]


def _calibration(calibration: Section) -> list[LimitRow]:
    before, after = calibration["before"], calibration["after"]
    return [
        LimitRow(
            title,
            "",
            Measure(decimals(after[key]), f"before: {decimals(before[key])}"),
            calibration["n"],
        )
        for key, title in {"ece": "Calibration error", "log_loss": "Log loss"}.items()
    ]


def _damage_row(row: Section) -> DamageRow:
    keys = ("accuracy", "acceptance", "accepted_accuracy", "errors_flagged")
    measures = [_measure(row[key]) for key in keys]
    return DamageRow(_sentence(row["corruption"]), measures, row["accuracy"]["n"])


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
