"""A short run of what `make chaos` does for longer."""

import pytest

from tests.processes.chaos import Chaos, installation


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_whatever_dies_each_prediction_ends_with_one_result(database: str) -> None:
    with installation(database) as (stack, server):
        outcome = Chaos(stack, server, seed=1).run(rounds=7, predictions=120)
    assert outcome.faults == []
    assert outcome.results == {"SUCCESS": 120}
