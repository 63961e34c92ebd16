"""Results in words."""

from datetime import UTC, datetime, timedelta

import pytest

from classifier.web.presenters import alternatives, gloss, seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["malignant", "normal, benign"], "“malignant” or “normal, benign”"),
        (["a", "b", "c"], "“a”, “b” or “c”"),
        (["a"], "“a”"),
    ],
)
def test_alternatives_cannot_be_miscounted(labels: list[str], words: str) -> None:
    assert alternatives(labels) == words
