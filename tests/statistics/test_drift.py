"""How often drift is found where there is some, and where there is none."""

import numpy as np

from classifier.statistics.drift import FALSE_ALARMS, drift

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def test_without_change_alarms_are_as_rare_as_they_are_said_to_be() -> None:
    generator = np.random.default_rng(1)
    draws = [generator.multinomial(n, SHARES, 2_000) for n in (300, 3_000)]
    found = [drift(now, then) for now, then in zip(*draws, strict=True)]
    rate = np.mean([each.is_alarm for each in found if each])
    assert 0.3 * FALSE_ALARMS < rate < 2 * FALSE_ALARMS


def test_a_shift_of_the_classes_is_found() -> None:
    found = drift([200, 100, 150, 50], [500, 300, 150, 50])
    assert found is not None
    assert found.is_alarm


def test_too_few_answers_say_nothing() -> None:
    assert drift([1, 0], [500, 300]) is None
    assert drift([0, 0], [500, 300]) is None
    assert drift([40, 0], [500, 0]) is None
