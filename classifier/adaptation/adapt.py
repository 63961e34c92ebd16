"""From a shipped bundle and labelled images to a bundle of their own."""

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier.adaptation.examples import (
    FEWEST_OF_A_CLASS,
    Examples,
    check_enough,
    fewest_scores,
    naming_the_commonest,
)
from classifier.adaptation.fitting import (
    Fitted,
    Procedure,
    Promise,
    cross_fit,
    fit,
)
from classifier.adaptation.head import Head, head_of, set_head, with_classes
from classifier.adaptation.verdict import gain
from classifier.adaptation.views import shares
from classifier.bundles.registry import Bundle
from classifier.bundles.schema import (
    Adaptation,
    AdaptedFrom,
    AtHome,
    Calibration,
    CalibrationStage,
    ClassCount,
    DataFile,
    Evaluation,
    FittedOn,
    MeasuredLimits,
)
from classifier.bundles.writing import write_evaluation
from classifier.cards.files import write_card
from classifier.cards.numbers import percent, round_percent
from classifier.datasets import Dataset
from classifier.datasets.medmnist import load_split, source_of
from classifier.errors import PlainError
from classifier.evaluation.batch_predict import Listener, ignore, outputs
from classifier.evaluation.calibration import at_temperature, log_loss
from classifier.evaluation.curves import reliability
from classifier.evaluation.evaluate import evaluate
from classifier.evaluation.intervals import proportion
from classifier.evaluation.metrics import expected_calibration_error
from classifier.evaluation.scores import Floats, Labels, Scores
from classifier.evaluation.selective import Answers, limits_at_home
from classifier.networks.contract import with_head_inputs
from classifier.networks.limits import Limits
from classifier.networks.safe_loading import load_network
from classifier.training.export import write_bundle
from classifier.training.fit_limits import METHOD, FittedLimits

# The split of an evaluation on images that the model was fitted to, each left out in turn.
OWN_IMAGES: Final = "own images, cross-validated"
# Of the home test images so many tell what was forgotten to ± 3 points or less.
HOME_IMAGES: Final = 500
# By how much probabilities computed from the head may differ from the network's own.
TOLERANCE: Final = 1e-3


class NoHead(PlainError):
    """A network that does not end in the linear head that is to be fitted."""


@dataclass(frozen=True, kw_only=True)
class OwnImages:
    """Labelled images of a laboratory, as a model's network sees them.

    Attributes:
        name: what people call them.
        views: pixels (N, size, size, channels), values 0-255, for each of `views.shares`.
        labels: (N,) class indices of the model.
        groups: (N,) numbers: images that belong together share one.
    """

    name: str
    views: tuple[NDArray[np.uint8], ...]
    labels: Labels
    groups: Labels


@dataclass(frozen=True, kw_only=True)
class Name:
    """What an adapted bundle is called."""

    slug: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """What a bundle is fitted to: what people call it, what the network makes of its images.

    `views` are its images as the network may see them, for each of `views.shares`; `sha256` is a
    checksum of images and labels; `own` describes the classes where these are not the bundle's.
    """

    name: str
    views: tuple[Examples, ...]
    sha256: str
    own: Dataset | None = None


def adapt_bundle(
    bundle: Bundle,
    images: OwnImages,
    name: Name,
    models_dir: Path,
    *,
    promise: Promise,
    data_root: Path,
    own: Dataset | None = None,
    listener: Listener = ignore,
) -> Bundle:
    """Write a bundle fitted to a laboratory's images, whole or not at all.

    What it forgot is measured where `data_root` has the dataset's file. With `own` it is for these
    classes, which are known by then, and not for the bundle's. `listener` hears what is
    being done and how far it is. Raises NotEnough; NoHead; NetworkError; and OSError, as where the
    disk is full.
    """
    check_enough(images.labels, images.groups, own.labels if own else bundle.classes)
    network = load_network(bundle.weights_path)
    model = AdaptableNetwork(bundle, network, listener)
    views = model.examples(images, "features of your images")
    if own:
        before = naming_the_commonest(images.labels, len(own.labels))
        views = tuple(replace(each, probabilities=before) for each in views)
    laboratory = Laboratory(
        name=images.name,
        views=views,
        own=own,
        sha256=hashlib.sha256(images.views[0].tobytes() + images.labels.tobytes()).hexdigest(),
    )
    procedure = model.procedure(promise, own=len(own.labels) if own else 0)
    answers = cross_fit(
        laboratory.views, procedure, lambda done, total: listener("fits", done, total)
    )
    at_home = None if own else home_images(bundle, data_root)
    home = model.examples(at_home, "images from home")[0] if at_home else None
    models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models_dir, prefix=".adapting-") as folder:
        written = write_adapted(
            bundle, network, laboratory, name, Path(folder), procedure, answers, home
        )
        return moved(written, models_dir)


def write_adapted(
    bundle: Bundle,
    network: keras.Model,
    laboratory: Laboratory,
    name: Name,
    folder: Path,
    procedure: Procedure,
    answers: Answers,
    home: Examples | None,
) -> Bundle:
    """Fit to all images, and write the bundle into a folder from which it is then moved.

    `answers` are those of the cross-validation, `home` is what the shipped network makes of images
    from home. The network's head is replaced. Raises OSError.
    """
    fitted = fit(laboratory.views, procedure)
    examples = laboratory.views[fitted.view]
    if laboratory.own:
        network = with_classes(network, len(laboratory.own.labels))
    set_head(network, fitted.head)
    described = _described_limits(bundle, fitted, examples, procedure.promise)
    limits = fitted.limits and FittedLimits(fitted.limits, fitted.scores, described)
    description = _description(bundle, laboratory, name, answers, fitted, procedure.promise)
    description["parameters"] = network.count_params()
    written = write_bundle(folder, network, description, limits=limits or None)
    evaluation = _evaluation(written, laboratory, answers, fitted)
    adaptation = _adaptation(written, laboratory, answers, fitted, home)
    written = write_evaluation(written, evaluation.model_copy(update={"adaptation": adaptation}))
    write_card(written)
    return written


def moved(written: Bundle, models_dir: Path) -> Bundle:
    """The bundle in its place among the others. Raises OSError where one of its name is there."""
    written.path.rename(models_dir / written.slug)
    return Bundle(models_dir / written.slug, written.metadata, written.evaluation)


def home_images(bundle: Bundle, data_root: Path) -> OwnImages | None:
    """Some test images of the dataset, evenly from all; None where its file is not at hand."""
    path = data_root / source_of(bundle.dataset, bundle.input_size).file_name
    if not path.exists():
        return None
    test = load_split(
        path, "test", size=bundle.input_size, channels=bundle.channels, classes=len(bundle.classes)
    )
    count = min(HOME_IMAGES, len(test.labels))
    chosen = np.linspace(0, len(test.labels) - 1, count).astype(np.int64)
    return OwnImages(
        name=bundle.dataset.title,
        views=(test.images[chosen],),
        labels=test.labels[chosen],
        groups=np.arange(count),
    )


class AdaptableNetwork:
    """A network whose last, linear layer can be fitted anew. Raises NoHead for any other."""

    def __init__(self, bundle: Bundle, network: keras.Model, listener: Listener = ignore) -> None:
        self.bundle, self._listener = bundle, listener
        uncertainty = bundle.metadata.uncertainty
        self.limits = Limits.read(bundle.limits_path) if bundle.limits_path else None
        try:
            self.head: Head = head_of(network)
            self._network = with_head_inputs(network, uncertainty.layers if uncertainty else ())
        except ValueError as error:
            raise NoHead(
                f"{bundle.metadata.title} has no layer of features before its classes that could "
                "be fitted to other images. Choose another model."
            ) from error

    def represented(self, pixels: NDArray[np.uint8], which: str) -> tuple[Floats, ...]:
        """Probabilities (N, C), features (N, F) and inputs of the head (N, D) of images."""
        said = outputs(self._network, pixels, which=which, listener=self._listener)
        probabilities, features, inputs = (np.asarray(each, np.float64) for each in said)
        if np.abs(softmax(self.head.logits(inputs), axis=1) - probabilities).max() > TOLERANCE:
            raise NoHead(
                f"What {self.bundle.metadata.title} says does not follow from its last layer "
                "alone, so that it cannot be fitted to other images. Choose another model."
            )
        return probabilities, features, inputs

    def examples(self, images: OwnImages, which: str = "images") -> tuple[Examples, ...]:
        """Images as the network sees each view; the listener hears of them as `which`."""
        seen = []
        for pixels in images.views:
            probabilities, features, inputs = self.represented(pixels, which)
            seen.append(Examples(inputs, features, probabilities, images.labels, images.groups))
        return tuple(seen)

    def procedure(self, promise: Promise, own: int = 0) -> Procedure:
        """How the network's head and limits are fitted; for so many classes of one's own, if any.

        These start at nothing.
        """
        if own:
            nothing = Head(np.zeros((len(self.head.weights), own)), np.zeros(own))
            return Procedure(nothing, self.limits, promise, by_class=False)
        by_class = self.bundle.dataset.positive_class is not None
        return Procedure(self.head, self.limits, promise, by_class=by_class)


def _described_limits(
    bundle: Bundle, fitted: Fitted, examples: Examples, promise: Promise
) -> dict[str, Any]:
    shipped = bundle.metadata.uncertainty
    n = len(examples)
    scores = len(fitted.scores.labels)
    return {
        "temperature": fitted.temperature,
        "method": METHOD,
        "layers": shipped.layers if shipped else (),
        "coverage": promise.coverage,
        "class_conditional": fitted.by_class,
        "acceptance": promise.acceptance,
        "n": FittedOn(reference=n, distances=n, scores=scores),
    }


def _description(
    bundle: Bundle,
    laboratory: Laboratory,
    name: Name,
    answers: Answers,
    fitted: Fitted,
    promise: Promise,
) -> dict[str, Any]:
    """What the metadata say: those of the shipped model, with its limitations and new ones."""
    kept = bundle.metadata.model_fields_set - {"version", "weights", "uncertainty"}
    labels = laboratory.views[0].labels
    n, accuracy = len(labels), answers.right(labels).mean()
    return {field: value for field, value in bundle.metadata if field in kept} | {
        "slug": name.slug,
        "title": name.title,
        "input": bundle.metadata.input.model_copy(
            update={"cell_share": bundle.metadata.input.cell_share * shares(bundle)[fitted.view]}
        )
        if fitted.view
        else bundle.metadata.input,
        **_classes(bundle, laboratory.own),
        "summary": (
            f"{bundle.metadata.title}, adapted to “{laboratory.name}”: {n} labelled images, "
            f"{percent(float(accuracy))} of them right by cross-validation."
        ),
        "recommended": False,
        "reported": None,
        "limitations": (
            *_own_limitations(bundle, laboratory.own, labels, fitted, promise),
            *(laboratory.own.limitations if laboratory.own else bundle.metadata.limitations),
        ),
        "adapted_from": AdaptedFrom(
            slug=bundle.slug, version=bundle.version, weights_sha256=bundle.sha256
        ),
    }


def _classes(bundle: Bundle, own: Dataset | None) -> dict[str, Any]:
    """What the metadata say of the classes."""
    if own is None:
        return {}
    return {"dataset": own.slug, "classes": own.labels, "intended_use": own.intended_use}


def _own_limitations(
    bundle: Bundle, own: Dataset | None, labels: Labels, fitted: Fitted, promise: Promise
) -> list[str]:
    """What the model must not be used for, and what could not be promised."""
    classes = own.labels if own else bundle.classes
    counts = np.bincount(labels, minlength=len(classes))
    absent = [classes[index] for index in np.flatnonzero(counts == 0)]
    sentences = [
        "Adapted to the images of one laboratory: not for images from anywhere else, nor for its "
        "own after a change of stain, microscope or camera."
    ]
    rare = [
        f"{classes[index]} ({counts[index]})"
        for index in np.flatnonzero((counts > 0) & (counts < FEWEST_OF_A_CLASS))
    ]
    if rare:
        sentences.append(
            f"Nothing is promised of classes with fewer than {FEWEST_OF_A_CLASS} images: "
            f"{', '.join(rare)}."
        )
    if absent:
        sentences.append(
            "Not for images of classes that were not among those it was adapted with: "
            f"{', '.join(absent)}."
        )
    fewest, coverage = fewest_scores(promise.coverage), round_percent(promise.coverage)
    if fitted.limits and len(fitted.scores.labels) < fewest:
        sentences.append(
            f"Its prediction sets name every class, since {coverage} can be promised from {fewest} "
            "images on."
        )
    elif fitted.limits and not fitted.by_class:
        sentences.append(
            f"Its prediction sets hold the true class in {coverage} of all cases together, not of "
            f"each class: that takes {fewest} images of every class."
            if counts.min() < fewest
            else f"Its prediction sets hold the true class in {coverage} of all cases together, "
            "not of each class."
        )
    return sentences


def _evaluation(
    written: Bundle, laboratory: Laboratory, answers: Answers, fitted: Fitted
) -> Evaluation:
    """Every metric on the laboratory's images, each by a fit that never saw it."""
    labels = laboratory.views[0].labels
    evaluation = evaluate(
        Scores(answers.probabilities, labels),
        written.classes,
        weights_sha256=written.sha256,
        data=DataFile(file=laboratory.name, sha256=laboratory.sha256),
    ).model_copy(update={"split": OWN_IMAGES})
    if written.metadata.uncertainty is None:
        return evaluation
    measured = MeasuredLimits(
        **dict(limits_at_home(answers, labels, written.metadata.uncertainty, written.classes)),
        rejection=(),
        corruptions=(),
        calibration=_calibration(fitted),
    )
    return evaluation.model_copy(update={"uncertainty": measured})


def _calibration(fitted: Fitted) -> Calibration:
    """Before and after the temperature, on the scores that it was fitted on."""
    labels = fitted.scores.labels

    def stage(probabilities: Floats) -> CalibrationStage:
        return CalibrationStage(
            ece=expected_calibration_error(labels, probabilities),
            log_loss=log_loss(labels, probabilities),
            reliability=reliability(labels, probabilities),
        )

    after = fitted.scores.probabilities
    return Calibration(
        temperature=fitted.temperature,
        n=len(labels),
        before=stage(at_temperature(after, 1 / fitted.temperature)),
        after=stage(after),
    )


def _adaptation(
    written: Bundle,
    laboratory: Laboratory,
    answers: Answers,
    fitted: Fitted,
    home: Examples | None,
) -> Adaptation:
    examples = laboratory.views[0]
    counts = np.bincount(examples.labels, minlength=len(written.classes))
    values: dict[str, Any] = {"own_classes": True} if laboratory.own else {}
    if home:
        now = fitted.head.logits(home.inputs).argmax(axis=1)
        values["at_home"] = AtHome(
            before=proportion(np.asarray(home.probabilities.argmax(axis=1) == home.labels)),
            after=proportion(np.asarray(now == home.labels)),
        )
    return Adaptation(
        images=laboratory.name,
        n=len(examples),
        groups=len(np.unique(examples.groups)),
        classes=tuple(
            ClassCount(label=label, n=int(count))
            for label, count in zip(written.classes, counts, strict=True)
        ),
        penalty=fitted.settings.penalty,
        start=fitted.settings.start,
        gain=gain(examples, answers, is_own=bool(laboratory.own)),
        **values,
    )
