"""How well a model knows what it does not know: the section `uncertainty` of evaluation.json.

Selective prediction (El-Yaniv and Wiener 2010): a model may refuse an image, or name several
classes. Measured on the test split, on the same images after damage, and on images of other kinds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.bundles.registry import Bundle
from classifier.bundles.schema import (
    AimedProportion,
    Calibration,
    CalibrationStage,
    ClassProportion,
    Corruption,
    Graded,
    LimitsAtHome,
    LimitsDescription,
    MeasuredLimits,
    Rejection,
    SetSize,
)
from classifier.datasets import shipped_datasets
from classifier.datasets.laboratories import load_laboratories
from classifier.datasets.medmnist import Split, source_of
from classifier.evaluation.batch_predict import Listener, ignore, outputs
from classifier.evaluation.calibration import at_temperature, log_loss
from classifier.evaluation.corruptions import corruptions
from classifier.evaluation.curves import reliability
from classifier.evaluation.intervals import proportion
from classifier.evaluation.metrics import expected_calibration_error
from classifier.evaluation.risk_coverage import risk_coverage
from classifier.evaluation.scores import Flags, Floats, Labels, Scores
from classifier.finder import find_cell
from classifier.networks.contract import with_features
from classifier.networks.limits import Judgement, Limits
from classifier.preprocessing import Crop, cell_view, model_view
from classifier.synthetic.ood_images import KINDS, ood_images

Images = NDArray[np.uint8]
# Makes images (N, size, size, channels) when they are wanted: all at once would need gigabytes.
ImageMaker = Callable[[], Images]

IMAGES_OF_A_KIND: Final = 300


@dataclass(frozen=True)
class Answers:
    """What a bundle says of N images: probabilities (N, C), and its limits of these."""

    probabilities: Floats
    judged: Judgement

    @property
    def accepted(self) -> Flags:
        """(N,) those like the training data."""
        return np.asarray(~self.judged.unlike & ~self.judged.unusual)

    @property
    def sets(self) -> Flags:
        """(N, C) the prediction sets."""
        return self.judged.sets

    @property
    def flagged(self) -> Flags:
        """(N,) those for which the page asks to look again."""
        return np.asarray(~self.accepted | (self.sets.sum(axis=1) > 1))

    def right(self, labels: Labels) -> Flags:
        """(N,) where the most probable class is the true one."""
        return np.asarray(self.probabilities.argmax(axis=1) == labels)


class SelectiveClassifier:
    """A bundle's network with its limits, as the application runs them.

    `description` says what the limits were fitted for. Raises ValueError for a bundle without.
    """

    def __init__(self, bundle: Bundle, network: keras.Model, listener: Listener = ignore) -> None:
        description = bundle.metadata.uncertainty
        if description is None or bundle.limits_path is None:
            raise ValueError(f"{bundle.slug} has no limits.")
        self.bundle, self.description = bundle, description
        self._network = with_features(network, description.layers)
        self._limits = Limits.read(bundle.limits_path)
        self._listener = listener

    def answers(self, images: Images, which: str) -> Answers:
        """The answers to images (N, size, size, channels), named `which` for the listener."""
        probabilities, features = outputs(
            self._network, images, which=which, listener=self._listener
        )
        return Answers(
            np.asarray(probabilities, np.float64), self._limits.judge(probabilities, features)
        )

    def answers_to_all(self, makers: Mapping[str, ImageMaker]) -> dict[str, Answers]:
        """By the names of the makers, which make their images one after the other."""
        return {
            name: self.answers(make(), f"{name} ({number} of {len(makers)})")
            for number, (name, make) in enumerate(makers.items(), start=1)
        }


def measured_limits(
    classifier: SelectiveClassifier, home: Answers, split: Split, data_root: Path
) -> MeasuredLimits:
    """Measure a bundle's limits on the images of a split; `home` are its answers to them.

    Other datasets' test images count where their files lie under `data_root`.
    """
    bundle, labels = classifier.bundle, split.labels
    others = ood_makers(bundle, data_root)
    damaged: dict[str, ImageMaker] = {
        name: partial(_damaged, corrupt, split.images)
        for name, corrupt in corruptions(bundle.dataset.corruptions).items()
    }
    laboratories = load_laboratories(bundle.dataset, data_root)
    elsewhere: dict[str, ImageMaker] = {
        name: partial(_cells, bundle, found.pictures) for name, found in laboratories.items()
    }
    answers = classifier.answers_to_all(others | damaged | elsewhere)
    labelled = (
        {"test": (home, labels)}
        | {name: (answers[name], labels) for name in damaged}
        | {name: (answers[name], found.labels) for name, found in laboratories.items()}
    )
    return MeasuredLimits(
        **dict(limits_at_home(home, labels, classifier.description, bundle.classes)),
        rejection=tuple(
            Rejection(images=name, **proportion(answers[name].judged.unlike).as_json())
            for name in others
        ),
        corruptions=tuple(measured_corruption(name, answers[name], labels) for name in damaged),
        graded=tuple(graded(name, *images) for name, images in labelled.items()),
        calibration=_calibration(home.probabilities, labels, classifier.description.temperature),
    )


def _damaged(corrupt: Callable[[Images], Images], images: Images) -> Images:
    return np.stack([corrupt(image) for image in images])


def limits_at_home(
    home: Answers, labels: Labels, fitted: LimitsDescription, classes: tuple[str, ...]
) -> LimitsAtHome:
    """What is named, refused and flagged of test images, from the answers to them."""
    covered, sizes = home.sets[np.arange(len(labels)), labels], home.sets.sum(axis=1)
    return LimitsAtHome(
        coverage=_aimed(covered, fitted.coverage),
        per_class=tuple(
            ClassProportion(label=label, **proportion(covered[labels == index]).as_json())
            for index, label in enumerate(classes)
        ),
        set_size=SetSize(mean=float(sizes.mean()), n=len(sizes), single=proportion(sizes == 1)),
        acceptance=_aimed(home.accepted, fitted.acceptance),
        flagged=proportion(home.flagged),
        errors_flagged=proportion(home.flagged[~home.right(labels)]),
    )


def _aimed(flags: Flags, target: float) -> AimedProportion:
    return AimedProportion(**proportion(flags).as_json(), target=target)


def measured_corruption(name: str, answers: Answers, labels: Labels) -> Corruption:
    """How accurate a model still is, how much it accepts, how much of its errors it flags."""
    right = answers.right(labels)
    return Corruption(
        corruption=name,
        accuracy=proportion(right),
        acceptance=proportion(answers.accepted),
        accepted_accuracy=proportion(right[answers.accepted]),
        flagged=proportion(answers.flagged),
        errors_flagged=proportion(answers.flagged[~right]),
    )


def graded(name: str, answers: Answers, labels: Labels) -> Graded:
    """The steps of the limits on labelled images, and what they flag of right and wrong answers."""
    right = answers.right(labels)
    curve = risk_coverage(Scores(answers.probabilities, labels))
    return Graded(
        images=name,
        accuracy=proportion(right),
        accepted=proportion(answers.accepted),
        unusual=proportion(answers.judged.unusual),
        unlike=proportion(answers.judged.unlike),
        right_flagged=proportion(answers.flagged[right]),
        errors_flagged=proportion(answers.flagged[~right]),
        aurc=curve.area,
        risk_coverage=curve.points,
    )


def ood_makers(bundle: Bundle, data_root: Path) -> dict[str, ImageMaker]:
    """Makers of images of other kinds, as the bundle's network sees uploads of them.

    By the slug of another dataset whose test images lie under `data_root`, or by a kind of
    `synthetic.ood_images`.
    """
    paths = {
        slug: data_root / source_of(other, bundle.input_size).file_name
        for slug, other in shipped_datasets().items()
        if slug != bundle.dataset.slug
    }
    others: dict[str, ImageMaker] = {
        slug: partial(_test_images, bundle, path) for slug, path in paths.items() if path.exists()
    }
    return others | {
        kind: partial(_views, bundle, ood_images(kind, IMAGES_OF_A_KIND)) for kind in KINDS
    }


def _test_images(bundle: Bundle, path: Path) -> Images:
    with np.load(path) as stored:
        return _views(bundle, map(Image.fromarray, stored["test_images"]))


def _views(bundle: Bundle, pictures: Iterable[Image.Image], crop: Crop = Crop.AUTO) -> Images:
    view = partial(
        model_view,
        size=bundle.input_size,
        channels=bundle.channels,
        crop=crop,
        source_frame=bundle.dataset.source_frame,
    )
    return np.stack([view(picture) for picture in pictures])


def _cells(bundle: Bundle, pictures: Iterable[Image.Image]) -> Images:
    """What the network sees of the cell that each picture is about; all, where none is found."""
    scale = bundle.dataset.cells

    def seen(picture: Image.Image) -> Images:
        box = find_cell(np.asarray(picture.convert("RGB")), scale) if scale else None
        return cell_view(
            picture,
            box or (0, 0, *picture.size),
            size=bundle.input_size,
            channels=bundle.channels,
            cells=scale if box else None,
            source_frame=bundle.dataset.source_frame,
        )

    return np.stack([seen(picture) for picture in pictures])


def _calibration(probabilities: Floats, labels: Labels, temperature: float) -> Calibration:
    """Before and after the temperature that is folded into the network."""

    def stage(given: Floats) -> CalibrationStage:
        return CalibrationStage(
            ece=expected_calibration_error(labels, given),
            log_loss=log_loss(labels, given),
            reliability=reliability(labels, given),
        )

    return Calibration(
        temperature=temperature,
        n=len(labels),
        before=stage(at_temperature(probabilities, 1 / temperature)),
        after=stage(probabilities),
    )
