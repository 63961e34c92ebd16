"""Several models about the same images: where they agree, what they say together, and differ."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.models import ImageUpload, Prediction, PredictionQuerySet, Status, TrainedModel
from classifier.statistics.consensus import ModelAnswers, consensus


@dataclass(frozen=True)
class Compared:
    """An image with the last answer of each model, None where a model has not answered.

    Attributes:
        agreement: how many of the models that answered name the most frequent class.
        pooled: what the models say together, classes with probabilities, the first one leading;
            empty where fewer than two of them can be weighted.
        disagreement: in bits; 0 where all say the same.
    """

    image: ImageUpload
    answers: list[Prediction | None]
    agreement: int
    pooled: list[tuple[str, float]]
    disagreement: float

    @property
    def answered(self) -> list[Prediction]:
        return [answer for answer in self.answers if answer and answer.status == Status.SUCCESS]

    @property
    def is_unanimous(self) -> bool:
        return self.agreement == len(self.answered)


@dataclass(frozen=True)
class Comparison:
    """Models beside each other, the images first on which they differ most.

    Attributes:
        weights: share of each weighted model in the consensus, by key.
        unweighted: models without a measured log loss, which the consensus leaves out.
    """

    models: list[TrainedModel]
    weights: dict[int, float]
    unweighted: list[TrainedModel]
    rows: list[Compared]

    @property
    def weighted(self) -> list[tuple[TrainedModel, float]]:
        return [
            (model, self.weights[model.pk]) for model in self.models if model.pk in self.weights
        ]

    @property
    def differing(self) -> int:
        return sum(not row.is_unanimous for row in self.rows)


def log_loss_of(model: TrainedModel) -> float | None:
    """Nats per image on the images that it was measured on; None where that was not."""
    measured = model.measured
    if measured is None:
        return None
    if (own := getattr(measured, "log_loss", None)) is not None:
        return float(own)
    limits = measured.uncertainty
    return limits.calibration.after.log_loss if limits else None


def compare(predictions: PredictionQuerySet, models: Sequence[TrainedModel]) -> Comparison:
    """What models of one kind say of the images of some results, which come with their images."""
    places = {model.pk: place for place, model in enumerate(models)}
    losses = {model.pk: loss for model in models if (loss := log_loss_of(model)) is not None}
    answers: dict[ImageUpload, list[Prediction | None]] = {}
    for row in predictions.filter(trained_model__in=models).order_by("created_at", "pk"):
        answers.setdefault(row.image, [None] * len(models))[places[row.trained_model_id]] = row
    rows = [_compared(image, found, losses) for image, found in answers.items()]
    inverse = {key: 1 / max(loss, 0.001) for key, loss in losses.items()}
    return Comparison(
        models=list(models),
        weights={key: each / sum(inverse.values()) for key, each in inverse.items()},
        unweighted=[model for model in models if model.pk not in losses],
        rows=sorted(rows, key=lambda row: (row.is_unanimous, -row.disagreement)),
    )


def _compared(
    image: ImageUpload, answers: list[Prediction | None], losses: dict[int, float]
) -> Compared:
    given = [row for row in answers if row and row.status == Status.SUCCESS]
    named = Counter(row.predicted_label for row in given).most_common(1)
    pooled, disagreement = _pooled([row for row in given if row.trained_model_id in losses], losses)
    return Compared(image, answers, named[0][1] if named else 0, pooled, disagreement)


def _pooled(
    given: Iterable[Prediction], losses: dict[int, float]
) -> tuple[list[tuple[str, float]], float]:
    """Of those that know the same classes as the first one; a model may have changed since."""
    rows = list(given)
    named = [tuple(label for label, _ in row.ranked_probabilities) for row in rows]
    opinions = [
        ModelAnswers(
            classes,
            losses[row.trained_model_id],
            np.array([[share for _, share in row.ranked_probabilities]]),
        )
        for row, classes in zip(rows, named, strict=True)
        if classes == named[0]
    ]
    if len(opinions) < 2:
        return [], 0.0
    together = consensus(opinions)
    ranked = sorted(
        zip(named[0], together.probabilities[0], strict=True), key=lambda each: -each[1]
    )
    return [(label, float(share)) for label, share in ranked], float(together.disagreement[0])
