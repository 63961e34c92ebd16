"""Alarms are as rare as stated where nothing changed, and are raised where something did."""

import numpy as np
import pytest
from scipy.stats import binom

from classifier.statistics.watching import FALSE_ALARMS, Period, alarming, p_values

TRIES = 400


def drawn(
    n: int,
    random: np.random.Generator,
    *,
    shift: float = 0.0,
    shares: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1),
    of_each_image: int = 1,
) -> Period:
    """Cells of images: the cells of one image are of one class and look alike."""
    kinds = np.repeat(random.choice(4, n // of_each_image, p=shares), of_each_image)
    alike = np.repeat(random.standard_normal((len(kinds) // of_each_image, 8)), of_each_image, 0)
    features = alike + 0.1 * random.standard_normal((len(kinds), 8)) + kinds[:, None]
    return Period(
        images=np.repeat(np.arange(len(kinds) // of_each_image), of_each_image),
        confidences=random.beta(9 - 4 * shift, 1, len(kinds)),
        classes=kinds,
        limits=(random.random(len(kinds)) < 0.05 + 0.2 * shift).astype(np.int64),
        features=features + shift,
    )


@pytest.mark.parametrize(("n", "of_each_image"), [(50, 1), (100, 1), (100, 5)])
def test_where_nothing_changed_one_window_in_a_hundred_raises_an_alarm(
    n: int, of_each_image: int
) -> None:
    random = np.random.default_rng(n)
    alarms = 0
    for _ in range(TRIES):
        reference = drawn(200, random, of_each_image=of_each_image)
        # The finest share of chances that the rate of one figure needs.
        found = p_values(reference, drawn(n, random, of_each_image=of_each_image), permutations=399)
        alarms += bool(alarming(found))
    assert alarms <= binom.ppf(0.999, TRIES, FALSE_ALARMS)


@pytest.mark.parametrize(
    ("changed", "figure"),
    [({"shift": 1.0}, "features"), ({"shares": (0.1, 0.2, 0.3, 0.4)}, "classes")],
)
def test_what_changed_is_named(changed: dict[str, object], figure: str) -> None:
    random = np.random.default_rng(0)
    named = [
        alarming(p_values(drawn(200, random), drawn(100, random, **changed)))  # type: ignore[arg-type]
        for _ in range(20)
    ]
    assert sum(figure in each for each in named) >= 19


def test_without_limits_and_features_the_others_are_tested() -> None:
    random = np.random.default_rng(0)
    bare = Period(np.arange(60), random.random(60), np.zeros(60, np.int64), None, None)
    assert set(p_values(bare, bare)) == {"confidence", "classes"}
    assert not alarming(p_values(bare, bare))
