"""Head, temperature, prediction sets and limits from labelled images, and what they are worth.

`fit` is the whole procedure. `cross_fit` repeats it without each fold in turn, so that what is said
of an image comes from a fit that this image helped neither to make nor to choose.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from classifier.adaptation.examples import Examples, fewest_scores
from classifier.adaptation.head import Head, HeadFit, HeadSettings
from classifier.evaluation.calibration import fit_temperature, log_loss
from classifier.evaluation.conformal import conformal_quantile, conformal_thresholds
from classifier.evaluation.scores import Floats, Labels, Scores
from classifier.evaluation.selective import Answers
from classifier.networks.limits import Judgement, Limits, squared_distances
from classifier.training.fit_limits import REFERENCE_TYPE, spread

FOLDS: Final = 5
# Heads that go far from the shipped one, and one for where that is nearly right already. Those in
# between were more often wrong on the cells of two other laboratories.
SETTINGS: Final = (
    HeadSettings(penalty=0.03, start=0.0),
    HeadSettings(penalty=0.1, start=0.0),
    HeadSettings(penalty=0.03, start=0.3),
    HeadSettings(penalty=0.1, start=0.3),
    HeadSettings(penalty=1.0, start=1.0),
)
# Of few images that are told apart without a mistake the best temperature would be zero.
TEMPERATURES: Final = (0.4, 4.0)

# Distances of so many images from all others are in memory at a time.
_CHUNK: Final = 1024

# Hears how many of the fits are done, and how many there are.
Listener = Callable[[int, int], None]


@dataclass(frozen=True)
class Promise:
    """How often the prediction set holds the true class, and how many own images are accepted."""

    coverage: float = 0.95
    acceptance: float = 0.95

    def __post_init__(self) -> None:
        if not (0.5 < self.coverage < 1 and 0.5 < self.acceptance < 1):
            raise ValueError("Coverage and acceptance lie between 0.5 and 1.")


@dataclass(frozen=True)
class Procedure:
    """How a head and limits are fitted to images.

    Attributes:
        shipped: the head that the new one starts at.
        home: the limits of the shipped model; None where it has none.
        by_class: whether each class is to have a threshold of its own; it has, if every class that
            is here has images enough to promise that.
    """

    shipped: Head
    home: Limits | None
    promise: Promise
    by_class: bool


@dataclass(frozen=True)
class Fitted:
    """A model fitted to a laboratory.

    Attributes:
        head: with the temperature in it.
        scores: those by cross-validation that temperature and prediction sets were fitted on.
        limits: None where the shipped model has none.
        by_class: whether each class has its own threshold.
        view: number of the view of the images that it is fitted to.
    """

    head: Head
    settings: HeadSettings
    temperature: float
    scores: Scores
    limits: Limits | None
    by_class: bool
    view: int

    def answers(self, views: Sequence[Examples]) -> Answers:
        """What the fitted model says of images, by the view that it was fitted to."""
        examples = views[self.view]
        probabilities = softmax(self.head.logits(examples.inputs), axis=1)
        if self.limits is None:
            nothing = np.zeros(len(probabilities), np.bool_)
            everything = np.ones(probabilities.shape, np.bool_)
            return Answers(probabilities, Judgement(nothing, nothing, everything))
        return Answers(probabilities, self.limits.judge(probabilities, examples.features))


def fit(views: Sequence[Examples], procedure: Procedure) -> Fitted:
    """Choose view and settings of the head by cross-validation, and fit everything.

    `views` are the same images as the network may see them.
    """
    shipped, home, promise = procedure.shipped, procedure.home, procedure.promise
    tried = [_best_settings(examples, shipped) for examples in views]
    view = min(range(len(views)), key=lambda number: tried[number][1].log_loss)
    examples, (settings, held_out) = views[view], tried[view]
    temperature = held_out.temperature
    scores = held_out.scores
    head = HeadFit(examples.inputs, examples.labels, shipped).head(settings)
    counts = np.bincount(examples.labels, minlength=len(shipped.bias))
    by_class = procedure.by_class and bool((counts >= fewest_scores(promise.coverage)).all())
    thresholds = _thresholds(scores, promise.coverage, by_class=by_class)
    limits = _limits(home, examples, promise.acceptance, thresholds) if home else None
    cooled = Head(head.weights / temperature, head.bias / temperature)
    return Fitted(cooled, settings, temperature, scores, limits, by_class, view)


def cross_fit(views: Sequence[Examples], procedure: Procedure, listener: Listener) -> Answers:
    """What is said of each image by a fit to the images of the other folds."""
    parts = []
    for number in range(total := fold_count(views[0])):
        parts.append(fold_answers(views, procedure, number))
        listener(number + 1, total + 1)
    return joined(len(views[0]), parts)


def fold_count(examples: Examples) -> int:
    """In how many parts the images are held out."""
    return len(_outer_folds(examples))


def fold_answers(
    views: Sequence[Examples], procedure: Procedure, number: int
) -> tuple[NDArray[np.int64], Answers]:
    """Numbers of the images of a fold, and what is said of them by a fit to all others."""
    training, held_out = _outer_folds(views[0])[number]
    fitted = fit([each.of(training) for each in views], procedure)
    return held_out, fitted.answers([each.of(held_out) for each in views])


def joined(n: int, parts: Sequence[tuple[NDArray[np.int64], Answers]]) -> Answers:
    """The answers of all folds in the order of the n images."""
    classes = parts[0][1].probabilities.shape[1]
    probabilities, sets = np.zeros((n, classes)), np.zeros((n, classes), np.bool_)
    unusual, unlike = np.zeros(n, np.bool_), np.ones(n, np.bool_)
    for held_out, said in parts:
        probabilities[held_out], sets[held_out] = said.probabilities, said.sets
        unusual[held_out], unlike[held_out] = said.judged.unusual, said.judged.unlike
    return Answers(probabilities, Judgement(unusual, unlike, sets))


def _outer_folds(examples: Examples) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return list(folds(examples.labels, examples.groups, seed=1))


def folds(
    labels: Labels, groups: Labels, *, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Numbers of the images to fit and of those to hold out, with groups kept together.

    Classes with fewer images or groups than there are folds are missing in some.
    """
    count = min(FOLDS, len(np.unique(groups)), int(np.bincount(labels).max()))
    is_grouped = len(np.unique(groups)) < len(groups)
    kind = StratifiedGroupKFold if is_grouped else StratifiedKFold
    divide = kind(count, shuffle=True, random_state=seed)
    belonging = groups if is_grouped else None
    for training, held_out in divide.split(np.zeros(len(labels)), labels, belonging):
        # A fold of one class alone has nothing to tell apart.
        if len(np.unique(labels[training])) > 1:
            yield training, held_out


@dataclass(frozen=True)
class _HeldOut:
    """Logits (N, C) of images by heads that saw none of them, and labels (N,)."""

    logits: Floats
    labels: Labels

    @property
    def temperature(self) -> float:
        return float(np.clip(fit_temperature(self.logits, self.labels), *TEMPERATURES))

    @property
    def scores(self) -> Scores:
        """At the best temperature."""
        return Scores(softmax(self.logits / self.temperature, axis=1), self.labels)

    @property
    def log_loss(self) -> float:
        return log_loss(self.labels, self.scores.probabilities)


def _best_settings(examples: Examples, shipped: Head) -> tuple[HeadSettings, _HeldOut]:
    """The settings of the least log loss on held-out images, and what was said of these.

    An image whose class is missing from the others is left out: no head could have learnt it.
    """
    logits: list[list[Floats]] = [[] for _ in SETTINGS]
    labels = []
    for training, held_out in folds(examples.labels, examples.groups, seed=2):
        known = held_out[np.isin(examples.labels[held_out], examples.labels[training])]
        fit = HeadFit(examples.inputs[training], examples.labels[training], shipped)
        for said, settings in zip(logits, SETTINGS, strict=True):
            said.append(fit.head(settings).logits(examples.inputs[known]))
        labels.append(examples.labels[known])
    tried = [_HeldOut(np.concatenate(said), np.concatenate(labels)) for said in logits]
    best = min(range(len(SETTINGS)), key=lambda number: tried[number].log_loss)
    return SETTINGS[best], tried[best]


def _thresholds(scores: Scores, coverage: float, *, by_class: bool) -> Floats:
    """Those of the prediction sets; zero, which names every class, where images are too few."""
    if len(scores.labels) < fewest_scores(coverage):
        return np.zeros(scores.probabilities.shape[1])
    return conformal_thresholds(scores, coverage, by_class=by_class)


def _limits(home: Limits, examples: Examples, acceptance: float, thresholds: Floats) -> Limits:
    """The laboratory's images as reference, along the axes that many more images at home gave.

    The limit is what each image's distance to those of other groups stays under as often as was
    promised.
    """
    reference = home.coordinates(examples.features).astype(REFERENCE_TYPE).astype(np.float32)
    spreads = spread(reference)
    distances = _distances_to_others(reference, spreads, examples.groups)
    limit = np.array(conformal_quantile(distances, acceptance), np.float32)
    thresholds = thresholds.astype(np.float32)
    return Limits(
        home.centre,
        home.scale,
        home.axes,
        reference,
        spreads,
        limit,
        thresholds,
        outer_limit=limit,
        widened=thresholds,
    )


def _distances_to_others(
    reference: NDArray[np.floating], spreads: NDArray[np.floating], groups: Labels
) -> NDArray[np.floating]:
    """Distance (N,) of each image to the nearest of another group, as `networks.limits.nearest`."""
    nearest = []
    for start in range(0, len(reference), _CHUNK):
        part = slice(start, start + _CHUNK)
        scaled = squared_distances(reference[part], reference) / spreads
        scaled[groups[part, None] == groups] = np.inf
        nearest.append(np.sqrt(np.maximum(scaled.min(axis=1), 0)))
    return np.concatenate(nearest)
