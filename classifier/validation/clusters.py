"""Which images belong together, so that intervals and folds take them as one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def clusters_of(groups: Sequence[str], twins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number (N,) of the cluster of each image: those of one group, joined with near-duplicates.

    Args:
        groups: the name of each image's group; an image of no name has none.
        twins: (N,) the number of each image's group of near-duplicates.
    """
    n = len(twins)
    names = [name or f"\0{number}" for number, name in enumerate(groups)]
    _, numbers = np.unique(np.array(names, object), return_inverse=True)
    # A graph of images, groups and near-duplicates, each image tied to its two.
    images = np.arange(n)
    tied = np.concatenate([n + numbers, 2 * n + twins])
    ties = coo_matrix((np.ones(2 * n), (np.tile(images, 2), tied)), shape=(3 * n, 3 * n))
    _, found = connected_components(ties, directed=False)
    return np.asarray(np.unique(found[:n], return_inverse=True)[1], np.int64)
