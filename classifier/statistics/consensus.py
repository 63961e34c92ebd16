"""What several models say together of the same images, and where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

Floats = NDArray[np.float64]

# That a model lost nothing on its test images does not make it infallible.
_LEAST_LOSS = 0.001


@dataclass(frozen=True)
class ModelAnswers:
    """A model's probabilities (N, classes), and its log loss (nats per image) on test images."""

    classes: tuple[str, ...]
    log_loss: float
    probabilities: Floats


@dataclass(frozen=True)
class Consensus:
    """What M models say together of N images.

    Attributes:
        weights: of each model (M,), which add up to 1.
        probabilities: (N, classes).
        disagreement: between the models (N,), in bits: 0 where all say the same.
        order: indices of the images (N,), those first on which models differ most.
    """

    weights: Floats
    probabilities: Floats
    disagreement: Floats
    order: NDArray[np.int64]


def consensus(models: Sequence[ModelAnswers]) -> Consensus:
    """Average the probabilities of models, each weighted by 1 / its log loss.

    The linear opinion pool (Stone 1961, "The opinion pool"). The log loss is convex, so on any
    image the pool's is at most the weighted mean of the models'. With these weights that mean is,
    on the images that the losses were measured on, the harmonic mean of the losses. A pool of
    products may be sharper, but there one model's 0 outvotes all others.

    Disagreement is the generalised Jensen-Shannon divergence (Lin 1991, "Divergence measures based
    on the Shannon entropy") with the same weights: the entropy of the pool less the mean entropy of
    the models.

    Raises ValueError for no models, for models of other classes, other numbers of images, and for
    a log loss that is no positive number or 0.
    """
    if len({each.classes for each in models}) != 1:
        raise ValueError("a consensus needs models, all of the same classes in the same order")
    if len({each.probabilities.shape for each in models}) != 1:
        raise ValueError("a consensus needs the probabilities of all models for the same images")
    if not all(0 <= each.log_loss < np.inf for each in models):
        raise ValueError("a consensus needs a log loss, finite and not negative, of each model")
    inverse = 1 / np.maximum([each.log_loss for each in models], _LEAST_LOSS)
    weights = inverse / inverse.sum()
    stacked = np.stack([each.probabilities for each in models])
    pooled = np.tensordot(weights, stacked, axes=1)
    divergence = entr(pooled).sum(axis=-1) - weights @ entr(stacked).sum(axis=-1)
    disagreement = np.maximum(divergence, 0) / np.log(2)
    return Consensus(weights, pooled, disagreement, np.argsort(-disagreement, kind="stable"))
