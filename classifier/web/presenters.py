"""Numbers and rows as the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from classifier.datasets import DatasetClass, datasets
from classifier.models import Prediction, Status

LOW_CONFIDENCE: Final = 0.6
FOREIGN: Final = "This does not look like what this model was trained on"


def percent(share: float) -> str:
    """One decimal, and never a certainty that rounding made up."""
    if 0 < share < 0.001:
        return "<0.1%"
    # The upper end of an interval for all of n images may miss 1 by an error of rounding.
    if 0.999 < share < 1 - 1e-9:
        return ">99.9%"
    return f"{100 * share:.1f}%"


def decimals(value: float) -> str:
    """Three decimals of a figure in 0–1, and never a perfect one that rounding made up."""
    if 0 < value < 0.0005:
        return "<0.001"
    if 0.9995 <= value < 1:
        return ">0.999"
    return f"{value:.3f}"


def span(low: float, high: float) -> str:
    """An interval in 0–1: three decimals, or as many more as keep an end from rounding to one."""
    imperfect = [end for end in (low, high) if end < 1 - 1e-9]
    places = next((n for n in (3, 4, 5) if all(round(end, n) < 1 for end in imperfect)), 6)
    return f"{low:.{places}f}–{high:.{places}f}"


def seconds(start: datetime | None, end: datetime | None) -> str:
    """How long something took; empty while it has not ended."""
    if start is None or end is None:
        return ""
    passed = max(0.0, (end - start).total_seconds())
    return f"{passed:.1f} s" if passed < 60 else f"{passed / 60:.0f} min"


def gloss(dataset: str, label: str) -> str:
    """A class in everyday words; empty for one that the dataset does not list."""
    return next((known.gloss for known in _classes(dataset) if known.label == label), "")


def _classes(dataset: str) -> Sequence[DatasetClass]:
    known = datasets().get(dataset)
    return known.classes if known else ()


@dataclass(frozen=True)
class ProbabilityRow:
    """One class of a result."""

    label: str
    text: str
    bar: str
    is_leading: bool


def probability_rows(prediction: Prediction) -> list[ProbabilityRow]:
    """All classes of a result, the most probable first."""
    ranked = sorted(prediction.ranked_probabilities, key=lambda row: -row[1])
    return [
        ProbabilityRow(label, percent(share), f"{100 * share:.2f}%", rank == 0)
        for rank, (label, share) in enumerate(ranked)
    ]


@dataclass(frozen=True)
class Outcome:
    """A prediction in words and rows.

    `candidates` are the classes of a prediction set of more than one, and `gloss` then says how to
    read it, else what the predicted class is. `is_foreign`: the image is unlike the training data.
    """

    headline: str
    confidence: str
    is_low: bool
    is_foreign: bool
    candidates: str
    gloss: str
    rows: list[ProbabilityRow]
    summary: str


def outcome(prediction: Prediction) -> Outcome:
    """What a prediction came to; empty but for its summary while it is unfinished."""
    share = prediction.confidence or 0.0
    succeeded = prediction.status == Status.SUCCESS
    return Outcome(
        headline=_headline(prediction),
        confidence=percent(share) if succeeded else "",
        is_low=succeeded and share < LOW_CONFIDENCE,
        is_foreign=prediction.in_distribution is False,
        candidates=candidates(prediction),
        gloss=_gloss(prediction),
        rows=probability_rows(prediction),
        summary=_summary(prediction),
    )


def candidates(prediction: Prediction) -> str:
    """The classes that may be right, in words, where there are several; else empty."""
    labels = prediction.prediction_set or []
    # One class of the breast images has a comma in its name.
    separator = "; " if any("," in label for label in labels) else ", "
    return separator.join(labels) if len(labels) > 1 else ""


def _gloss(prediction: Prediction) -> str:
    model = prediction.trained_model
    if not candidates(prediction):
        return gloss(model.dataset, prediction.predicted_label)
    if len(prediction.prediction_set or []) == len(prediction.probabilities or []):
        return "The model rules out none of its classes."
    share = model.metadata.get("uncertainty", {}).get("coverage")
    if not share:
        # The model has a new version meanwhile, which promises nothing.
        return ""
    # The promise is one for the sets of all images, be they of one class or of several.
    return (
        f"In {100 * share:g}% of images like the training data, "
        "the true class is among those that the model names."
    )


def _headline(prediction: Prediction) -> str:
    if prediction.in_distribution is False:
        return FOREIGN
    if several := candidates(prediction):
        return f"One of: {several}"
    label = prediction.predicted_label
    return label[:1].upper() + label[1:]


def _summary(prediction: Prediction) -> str:
    if prediction.in_distribution is False:
        return f"{FOREIGN}. Look again."
    if several := candidates(prediction):
        return f"The predicted class is one of: {several}."
    if prediction.status == Status.SUCCESS:
        share = percent(prediction.confidence or 0.0)
        return f"Predicted class: {prediction.predicted_label}, confidence {share}."
    if prediction.status == Status.FAILURE:
        return f"The prediction failed. {prediction.error_message}"
    return f"The prediction is {prediction.get_status_display().lower()}."


@dataclass(frozen=True)
class Measure:
    """A figure with its 95 % interval, which is empty where none is known."""

    value: str
    interval: str = ""


def share_measure(value: float, interval: Sequence[float] | None) -> Measure:
    """A share in 0–1 as a percentage."""
    if interval is None:
        return Measure(percent(value))
    low, high = interval
    return Measure(percent(value), f"{percent(low).removesuffix('%')}–{percent(high)}")


def accuracy(evaluation: dict[str, Any]) -> Measure:
    return share_measure(evaluation["accuracy"], evaluation["intervals"]["accuracy"])


def auc(evaluation: dict[str, Any]) -> Measure:
    return Measure(decimals(evaluation["auc"]), span(*evaluation["intervals"]["auc"]))
