"""Whether a model's explanations mark what counts: the section `explanations` of evaluation.json.

The pixels that a map marks most must matter to the model: to cover them must cost the class more
probability than to cover as many, in the same shape, elsewhere (after Petsiuk et al. 2018, "RISE:
randomized input sampling for explanation of black-box models", whose deletion this is in one step).
And a map must show what was learnt: with shuffled weights it must be another one (Adebayo et al.
2018, "Sanity checks for saliency maps").
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, spearmanr

from classifier.bundles.registry import Bundle
from classifier.bundles.schema import (
    CoveringCheck,
    ExplanationCheck,
    ExplanationMethod,
    PointingGame,
    RandomisationCheck,
)
from classifier.datasets.medmnist import load_split
from classifier.evaluation.batch_predict import Listener, ignore, predict
from classifier.evaluation.boxes import BoxedImages
from classifier.evaluation.intervals import proportion
from classifier.networks.explanation import (
    Explainer,
    Floats,
    GradCam,
    Images,
    Masks,
    NoFeatureMaps,
    Occlusion,
    covered,
)

IMAGES: Final = 100
# Their maps are made twice, and the correlations differ little between images.
RANDOMISED_IMAGES: Final = 20
MARKED: Final = 0.1
# Places elsewhere that are covered instead, for each image.
ELSEWHERE: Final = 3
AT_ONCE: Final = 20

METHODS: Final[dict[ExplanationMethod, type[GradCam] | type[Occlusion]]] = {
    "grad-cam": GradCam,
    "occlusion": Occlusion,
}


def check_explanations(
    bundle: Bundle,
    path: Path,
    boxed: BoxedImages | None = None,
    listener: Listener = ignore,
) -> Iterator[ExplanationCheck]:
    """Check each method that the bundle's network allows, on test images of a data file.

    With images that have a box around what they show there is a pointing game as well. Raises
    DataError when the file cannot be read.
    """
    load = partial(keras.models.load_model, bundle.weights_path, compile=False)
    network, shuffled = load(), load()
    shuffle_weights(shuffled)
    test = load_split(
        path,
        "test",
        size=bundle.input_size,
        channels=bundle.channels,
        classes=len(bundle.classes),
    )
    generator = np.random.default_rng(0)
    images = test.images[generator.permutation(len(test.images))[:IMAGES]]
    labels = predict(network, images).argmax(axis=1).tolist()
    for method, kind in METHODS.items():
        try:
            explainer, with_shuffled_weights = kind(network), kind(shuffled)
        except NoFeatureMaps:
            continue
        maps = explained(explainer, images, labels, f"{method}, test images", listener)
        few = images[:RANDOMISED_IMAGES], labels[:RANDOMISED_IMAGES]
        others = explained(with_shuffled_weights, *few, f"{method}, shuffled weights", listener)
        check = ExplanationCheck(
            method=method,
            covering=check_covering(network, images, labels, maps),
            randomisation=check_randomisation(maps[: len(others)], others),
        )
        if boxed:
            labels_of_boxed = predict(network, boxed.images).argmax(axis=1).tolist()
            marked = explained(
                explainer, boxed.images, labels_of_boxed, f"{method}, boxed images", listener
            )
            check = check.model_copy(update={"pointing": pointing_game(boxed, marked)})
        yield check


def explained(
    explainer: Explainer, images: Images, labels: Sequence[int], which: str, listener: Listener
) -> Floats:
    """The maps (N, size, size) of many images."""
    maps = []
    for first in range(0, len(images), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        maps.append(explainer(images[part], labels[part]))
        listener(which, min(first + AT_ONCE, len(images)), len(images))
    return np.concatenate(maps)


def shuffle_weights(network: keras.Model) -> None:
    """Put each array of weights into a random order: what was learnt is gone, its scale is not."""
    generator = np.random.default_rng(0)
    network.set_weights(
        [
            generator.permutation(weights.ravel()).reshape(weights.shape)
            for weights in network.get_weights()
        ]
    )


def marked_most(explanation: Floats) -> Masks:
    """The tenth (size, size) of a map's pixels that it marks most."""
    mask = np.zeros(explanation.size, np.bool_)
    mask[(-explanation.ravel()).argsort(kind="stable")[: round(MARKED * explanation.size)]] = True
    return mask.reshape(explanation.shape)


def check_covering(
    network: keras.Model, images: Images, labels: Sequence[int], maps: Floats
) -> CoveringCheck:
    """How far the class's probability falls when what is marked most is covered, or as much of it.

    Where a map marks nothing, nothing is covered.
    """
    generator = np.random.default_rng(0)
    stages = []
    for image, explanation in zip(images, maps, strict=True):
        mask = marked_most(explanation) & explanation.any()
        shifts = generator.integers(len(mask), size=(ELSEWHERE, 2))
        elsewhere = [np.roll(mask, tuple(shift), axis=(0, 1)) for shift in shifts]
        stages += [image, *(covered(image, each) for each in (mask, *elsewhere))]
    probabilities = predict(network, np.stack(stages)).reshape(len(images), ELSEWHERE + 2, -1)
    of_label = probabilities[np.arange(len(images)), :, labels]
    marked = of_label[:, 0] - of_label[:, 1]
    random = of_label[:, 0] - of_label[:, 2:].mean(axis=1)
    found = bootstrap(
        (marked - random,), np.mean, n_resamples=2000, method="percentile", rng=0
    ).confidence_interval
    return CoveringCheck(
        n=len(images),
        marked=float(marked.mean()),
        random=float(random.mean()),
        difference=(float(found.low), float(found.high)),
    )


def check_randomisation(maps: Floats, others: Floats) -> RandomisationCheck:
    """How alike the maps of a network and those of one with shuffled weights are, on average.

    A map that marks nothing is like no other.
    """
    pairs = zip(maps, others, strict=True)
    correlations = [
        float(spearmanr(one.ravel(), other.ravel()).statistic)
        if np.ptp(one) and np.ptp(other)
        else 0.0
        for one, other in pairs
    ]
    return RandomisationCheck(n=len(correlations), correlation=float(np.mean(correlations)))


def pointing_game(boxed: BoxedImages, maps: Floats) -> PointingGame:
    """How often a map's highest point lies in the box.

    Zhang et al. 2018, "Top-down neural attention by excitation backprop", section 4.1.
    """
    size = maps.shape[1]
    highest = np.array([np.unravel_index(each.argmax(), each.shape) for each in maps])
    hits = proportion(_inside(boxed.boxes, highest[:, ::-1] + 0.5))
    middle = np.full((len(maps), 2), size / 2)
    sides = boxed.boxes[:, 2:] - boxed.boxes[:, :2]
    return PointingGame(
        **dict(hits),
        by_chance=float(sides.prod(axis=1).mean() / size**2),
        by_centre=float(_inside(boxed.boxes, middle).mean()),
        data=boxed.data,
    )


def _inside(boxes: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (N, 2) lie in their boxes (N, 4); columns are left, upper, right, lower."""
    return np.asarray(((boxes[:, :2] <= points) & (points <= boxes[:, 2:])).all(axis=1))
