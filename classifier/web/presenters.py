"""Predictions as the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from classifier.cards.numbers import percent, round_percent
from classifier.datasets import datasets
from classifier.models import Prediction, Status

LOW_CONFIDENCE: Final = 0.6
OUT_OF_DISTRIBUTION: Final = "This does not look like what this model was trained on"


def seconds(start: datetime | None, end: datetime | None) -> str:
    """How long something took; empty while it has not ended."""
    if start is None or end is None:
        return ""
    passed = max(0.0, (end - start).total_seconds())
    return f"{passed:.1f} s" if passed < 60 else f"{passed / 60:.0f} min"


def gloss(dataset: str, label: str) -> str:
    """A class in everyday words; empty for one that the dataset does not list."""
    known = datasets().get(dataset)
    classes = known.classes if known else ()
    return next((each.gloss for each in classes if each.label == label), "")


def possible_words(dataset: str, labels: Sequence[str] | None) -> str:
    """The classes that were possible, by the name of their group where they are one.

    Empty where all were.
    """
    known = datasets().get(dataset)
    if labels is None or known is None:
        return ""
    titles = (group.title for group in known.groups if set(group.labels) == set(labels))
    return next(titles, "Only " + alternatives(labels))


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
        ProbabilityRow(label, percent(probability), f"{100 * probability:.2f}%", rank == 0)
        for rank, (label, probability) in enumerate(ranked)
    ]


@dataclass(frozen=True)
class Outcome:
    """A prediction in words and rows.

    `candidates` are the classes of a prediction set of more than one, and `gloss` then says how to
    read it, else what the predicted class is. `possible` are the classes that a person allowed,
    empty for all. `is_unusual`: the image looks little like the
    training data. `is_out_of_distribution`: it is unlike them.
    """

    headline: str
    confidence: str
    is_low: bool
    is_unusual: bool
    is_out_of_distribution: bool
    candidates: str
    possible: str
    gloss: str
    rows: list[ProbabilityRow]
    summary: str


def outcome(prediction: Prediction) -> Outcome:
    """What a prediction came to; empty but for its summary while it is unfinished."""
    confidence = prediction.confidence or 0.0
    succeeded = prediction.status == Status.SUCCESS
    return Outcome(
        headline=_headline(prediction),
        confidence=percent(confidence) if succeeded else "",
        is_low=succeeded and confidence < LOW_CONFIDENCE,
        is_unusual=prediction.is_unusual,
        is_out_of_distribution=prediction.in_distribution is False,
        candidates=candidates(prediction),
        possible=possible_words(prediction.trained_model.dataset, prediction.labels),
        gloss=_gloss(prediction),
        rows=probability_rows(prediction),
        summary=_summary(prediction),
    )


def candidates(prediction: Prediction) -> str:
    """The classes that may be right, as alternatives, where there are several; else empty."""
    labels = prediction.prediction_set or []
    return alternatives(labels) if len(labels) > 1 else ""


def alternatives(labels: Sequence[str]) -> str:
    """Such as “malignant” or “normal, benign”: quoted, since a name may have a comma in it."""
    *others, last = (f"“{label}”" for label in labels)
    return f"{', '.join(others)} or {last}" if others else last


def _gloss(prediction: Prediction) -> str:
    model = prediction.trained_model
    if not candidates(prediction):
        return gloss(model.dataset, prediction.predicted_label)
    if len(prediction.prediction_set or []) == len(prediction.probabilities or []):
        return "The model rules out none of its classes."
    limits = model.described.uncertainty
    if not limits:
        # The model has a new version meanwhile, which promises nothing.
        return ""
    # The promise is one for the sets of all images, be they of one class or of several.
    return (
        f"In {round_percent(limits.coverage)} of images like the training data, "
        "the true class is among those that the model names."
    )


def _headline(prediction: Prediction) -> str:
    if prediction.in_distribution is False:
        return OUT_OF_DISTRIBUTION
    if several := candidates(prediction):
        return f"Undecided: {several}"
    label = prediction.predicted_label
    return label[:1].upper() + label[1:]


def _summary(prediction: Prediction) -> str:
    if prediction.in_distribution is False:
        return f"{OUT_OF_DISTRIBUTION}. Look again."
    if several := candidates(prediction):
        return f"The model is undecided: {several}."
    if prediction.status == Status.SUCCESS:
        confidence = percent(prediction.confidence or 0.0)
        said = f"Predicted class: {prediction.predicted_label}, confidence {confidence}."
        return f"{said} The image is unusual. Look again." if prediction.is_unusual else said
    if prediction.status == Status.FAILURE:
        return f"The prediction failed. {prediction.error_message}"
    return f"The prediction is {prediction.get_status_display().lower()}."
