"""How well a model knows what it does not know: the section `uncertainty` of evaluation.json.

Measured on the test split, on the same images spoilt, on those of other datasets and on drawings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.bundles.registry import Bundle
from classifier.datasets import datasets
from classifier.datasets.medmnist import Split, source_of
from classifier.evaluation.batch_predict import Listener, nobody, outputs
from classifier.evaluation.calibration import at_temperature, log_loss
from classifier.evaluation.corruptions import Corruption, corruptions
from classifier.evaluation.curves import reliability
from classifier.evaluation.intervals import wilson_interval
from classifier.evaluation.metrics import expected_calibration_error
from classifier.networks.contract import with_features
from classifier.networks.limits import Uncertainty
from classifier.preprocessing import Crop, model_view
from classifier.synthetic.ood_images import KINDS, foreign_pictures

Flags = NDArray[np.bool_]
Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Images = NDArray[np.uint8]
# Makes images (N, size, size, channels) when they are wanted: all at once would need gigabytes.
ImageMaker = Callable[[], Images]

PICTURES_OF_A_KIND: Final = 300
AS_THEY_ARE: Final = "test images"


@dataclass(frozen=True)
class Answers:
    """What a bundle says of N images: probabilities (N, C), accepted (N,), sets (N, C)."""

    probabilities: Floats
    accepted: Flags
    sets: Flags

    @property
    def flagged(self) -> Flags:
        """(N,) those for which the page asks to look again."""
        return np.asarray(~self.accepted | (self.sets.sum(axis=1) > 1))


class Doubter:
    """A bundle's network with its uncertainty, as the application runs them."""

    def __init__(self, bundle: Bundle, network: keras.Model, listener: Listener = nobody) -> None:
        assert bundle.uncertainty_path, "the bundle has no uncertainty file"  # noqa: S101
        self.bundle = bundle
        self._network = with_features(network, bundle.uncertainty_layers or ())
        self._uncertainty = Uncertainty.read(bundle.uncertainty_path)
        self._listener = listener

    def answers_to_all(self, makers: Mapping[str, ImageMaker]) -> dict[str, Answers]:
        """By the names of the makers, which make their images one after the other."""
        return {
            name: self._answers(make(), f"{name} ({number} of {len(makers)})")
            for number, (name, make) in enumerate(makers.items(), start=1)
        }

    def _answers(self, images: Images, which: str) -> Answers:
        probabilities, features = outputs(
            self._network, images, which=which, listener=self._listener
        )
        return Answers(
            np.asarray(probabilities, np.float64),
            self._uncertainty.in_distribution(features),
            self._uncertainty.prediction_sets(probabilities),
        )


def uncertainty_figures(doubter: Doubter, split: Split, data_root: Path) -> dict[str, Any]:
    """Compute the section for a bundle on the images of a split.

    Other datasets' test images count where their files lie under `data_root`.
    """
    bundle, facts = doubter.bundle, doubter.bundle.metadata["uncertainty"]
    foreign, spoilt = _foreign_images(bundle, data_root), _spoilt_images(bundle, split)
    answers = doubter.answers_to_all({AS_THEY_ARE: lambda: split.images, **foreign, **spoilt})
    home = answers[AS_THEY_ARE]
    return {
        "coverage": coverage(home.sets, split.labels) | {"target": facts["coverage"]},
        "per_class": coverage_by_class(home.sets, split.labels, bundle.classes),
        "set_size": set_sizes(home.sets),
        "acceptance": share(home.accepted) | {"target": facts["acceptance"]},
        "flagged": share(home.flagged),
        "errors_flagged": share(home.flagged[is_wrong(home, split.labels)]),
        "rejection": [{"images": name} | share(~answers[name].accepted) for name in foreign],
        "corruptions": [
            {"corruption": name} | spoilt_figures(answers[name], split.labels) for name in spoilt
        ],
        "calibration": _calibration(home.probabilities, split.labels, facts["temperature"]),
    }


def share(flags: Flags) -> dict[str, Any]:
    """A share with its number of images and 95 % interval (Wilson), null where there are none."""
    n, count = len(flags), int(np.count_nonzero(flags))
    if not n:
        return {"share": None, "n": 0, "interval": None}
    return {"share": count / n, "n": n, "interval": list(wilson_interval(count, n))}


def coverage(sets: Flags, labels: Labels) -> dict[str, Any]:
    """How often the true class is in the prediction set."""
    return share(sets[np.arange(len(labels)), labels])


def coverage_by_class(sets: Flags, labels: Labels, names: Sequence[str]) -> list[dict[str, Any]]:
    """The same for the images of each class."""
    return [
        {"label": name} | share(sets[labels == index, index]) for index, name in enumerate(names)
    ]


def set_sizes(sets: Flags) -> dict[str, Any]:
    """Mean number of classes in a set, and the share of sets of one."""
    sizes = sets.sum(axis=1)
    return {"mean": float(sizes.mean()), "n": len(sizes), "single": share(sizes == 1)}


def is_wrong(answers: Answers, labels: Labels) -> Flags:
    """Which of the most probable classes are not the true ones."""
    return np.asarray(answers.probabilities.argmax(axis=1) != labels)


def spoilt_figures(answers: Answers, labels: Labels) -> dict[str, Any]:
    """How accurate the model still is, how much it accepts and how much of its errors it flags."""
    wrong = is_wrong(answers, labels)
    return {
        "accuracy": share(~wrong),
        "acceptance": share(answers.accepted),
        "accepted_accuracy": share(~wrong[answers.accepted]),
        "flagged": share(answers.flagged),
        "errors_flagged": share(answers.flagged[wrong]),
    }


def _spoilt_images(bundle: Bundle, split: Split) -> dict[str, ImageMaker]:
    return {
        name: partial(_spoilt, spoil, split.images)
        for name, spoil in corruptions(bundle.channels).items()
    }


def _spoilt(spoil: Corruption, images: Images) -> Images:
    return np.stack([spoil(image) for image in images])


def _foreign_images(bundle: Bundle, data_root: Path) -> dict[str, ImageMaker]:
    paths = {
        slug: data_root / source_of(other, bundle.input_size).file_name
        for slug, other in datasets().items()
        if slug != bundle.dataset.slug
    }
    others = {
        slug: partial(_test_images, bundle, path) for slug, path in paths.items() if path.exists()
    }
    drawn = {kind: partial(_drawn, bundle, kind) for kind in KINDS}
    return {**others, **drawn}


def _test_images(bundle: Bundle, path: Path) -> Images:
    with np.load(path) as stored:
        return _views(bundle, map(Image.fromarray, stored["test_images"]))


def _drawn(bundle: Bundle, kind: str) -> Images:
    return _views(bundle, foreign_pictures(kind, PICTURES_OF_A_KIND))


def _views(bundle: Bundle, pictures: Iterable[Image.Image]) -> Images:
    """Brought to the model's input as uploads are."""
    return np.stack(
        [
            model_view(
                picture,
                size=bundle.input_size,
                channels=bundle.channels,
                crop=Crop.AUTO,
                source_frame=bundle.dataset.source_frame,
            )
            for picture in pictures
        ]
    )


def _calibration(probabilities: Floats, labels: Labels, temperature: float) -> dict[str, Any]:
    """Before and after the temperature that is folded into the network."""
    stages = {
        "before": at_temperature(probabilities, 1 / temperature),
        "after": probabilities,
    }
    figures: Mapping[str, Any] = {
        stage: {
            "ece": expected_calibration_error(labels, each),
            "log_loss": log_loss(labels, each),
            "reliability": reliability(labels, each),
        }
        for stage, each in stages.items()
    }
    return {"temperature": temperature, "n": len(labels), **figures}
