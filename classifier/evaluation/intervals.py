"""A measured proportion with its interval, as bundles keep it."""

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.schema import MeasuredProportion
from classifier.statistics.intervals import wilson_interval


def proportion(flags: NDArray[np.bool_]) -> MeasuredProportion:
    """The proportion that is true of flags (N,), with its interval; null both where N is 0."""
    n, count = len(flags), int(np.count_nonzero(flags))
    if not n:
        return MeasuredProportion(share=None, n=0, interval=None)
    return MeasuredProportion(share=count / n, n=n, interval=wilson_interval(count, n))
