"""Labels that may be wrong: what a classifier that never saw the image would call it instead.

After confident learning (Northcutt, Jiang and Chuang 2021): a label is suspected where another
class is as probable as it is of three in four of the images that bear that class's name.
"""

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

FOLDS: Final = 5
COMPONENTS: Final = 32
# Fewer independent examples than this say too little of a class to doubt another label by it.
FEWEST_CLUSTERS: Final = 3


def suspected_labels(
    features: NDArray[np.floating], labels: Sequence[str], clusters: NDArray[np.int64]
) -> list[str]:
    """For each of N images the class that others like it bear, empty where that is its own.

    Images of a cluster are never in training and test of the same fold.

    Args:
        features: (N, D), what a network makes of each image.
    """
    names, codes = np.unique(np.array(labels), return_inverse=True)
    sizes = [len(np.unique(clusters[codes == code])) for code in range(len(names))]
    usable = np.isin(codes, np.flatnonzero(np.array(sizes) >= FEWEST_CLUSTERS))
    suspected = [""] * len(labels)
    finite = np.isfinite(features).all(axis=1)
    chosen = np.flatnonzero(usable & finite)
    if len(np.unique(codes[chosen])) < 2:
        return suspected
    probabilities = _out_of_fold(features[chosen], codes[chosen], clusters[chosen])
    for place, code in zip(chosen, _confident(probabilities, codes[chosen]), strict=True):
        if code >= 0:
            suspected[place] = str(names[code])
    return suspected


def _out_of_fold(
    features: NDArray[np.floating], codes: NDArray[np.int64], clusters: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probabilities (N, classes) of each image by a classifier of the other folds; 0 if unseen."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probabilities = np.zeros((len(codes), int(codes.max()) + 1))
    folds = min(FOLDS, *(len(np.unique(clusters[codes == code])) for code in np.unique(codes)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for train, test in splitter.split(features, codes, clusters):
        if len(np.unique(codes[train])) < 2:
            continue
        components = min(COMPONENTS, len(train) - 1, features.shape[1])
        model = make_pipeline(
            StandardScaler(),
            PCA(components, whiten=True, svd_solver="randomized", random_state=0),
            LogisticRegression(C=0.1, max_iter=300),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what does not converge is still a fair guess
            model.fit(features[train], codes[train])
        probabilities[np.ix_(test, model.classes_)] = model.predict_proba(features[test])
    return probabilities


def _confident(probabilities: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class (N,) that is confidently another one, or -1."""
    own = probabilities[np.arange(len(codes)), codes]
    usual = np.array(
        [
            np.quantile(own[codes == code], 0.25) if (codes == code).any() else np.inf
            for code in range(probabilities.shape[1])
        ]
    )
    best = probabilities.argmax(axis=1)
    is_suspect = (best != codes) & (probabilities.max(axis=1) >= usual[best])
    return np.where(is_suspect, best, -1)
