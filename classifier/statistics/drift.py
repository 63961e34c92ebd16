"""Whether what a model is asked now differs from what it was tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import chi2_contingency

# How often an alarm is raised where nothing has changed.
FALSE_ALARMS: Final = 0.01
# Below it the distribution that the test assumes is not reached.
LEAST_EXPECTED: Final = 5.0


@dataclass(frozen=True)
class Drift:
    """How likely so large a difference is by chance alone."""

    p_value: float

    @property
    def is_alarm(self) -> bool:
        return self.p_value < FALSE_ALARMS


def drift(now: Sequence[int], then: Sequence[int]) -> Drift | None:
    """Compare how often each class was answered, by Pearson's χ² test of homogeneity.

    None where a class is expected less than `LEAST_EXPECTED` times, so that nothing can be said.
    Classes that never occurred are left out.
    """
    counts = np.array([now, then])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return None
    found = chi2_contingency(counts, correction=False)
    if found.expected_freq.min() < LEAST_EXPECTED:
        return None
    return Drift(float(found.pvalue))
