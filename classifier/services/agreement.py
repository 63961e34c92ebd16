"""How far blind readers agree with each other and with the models."""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from classifier.models import Batch, Prediction, Review, Status
from classifier.statistics.agreement import (
    MISSING,
    Answers,
    Coefficient,
    PairAgreement,
    disagreements,
    krippendorff_alpha,
    pair_agreement,
)


@dataclass(frozen=True)
class Pair:
    """Two who answered, a reader and another one or a model, and how far they agree."""

    one: str
    other: str
    agreement: PairAgreement


@dataclass(frozen=True)
class Disagreement:
    """An image that readers named differently, and what each said, by their names."""

    prediction: Prediction
    said: dict[str, str]


@dataclass(frozen=True)
class BatchAgreement:
    """Agreement on the images of a batch, each counted once however many models answered.

    Attributes:
        answered: by reader, the number of images that they answered.
        alpha: Krippendorff's, of all readers.
    """

    images: int
    answered: dict[str, int]
    readers: list[Pair]
    models: list[Pair]
    alpha: Coefficient
    to_settle: list[Disagreement]


def batch_agreement(batch: Batch) -> BatchAgreement:
    """Compare the last answer of each reader to each image."""
    rows = batch.predictions.kept().filter(status=Status.SUCCESS).with_relations().in_order()
    by_image: dict[uuid.UUID, list[Prediction]] = defaultdict(list)
    for row in rows:
        by_image[row.image_id].append(row)
    said = _said(batch)
    models: dict[str, dict[uuid.UUID, str]] = defaultdict(dict)
    for image, predictions in by_image.items():
        for each in predictions:
            models[each.trained_model.title][image] = each.predicted_label
    codes: dict[str, int] = {}
    readers = _matrix(said, list(by_image), codes)
    answers_of_models = _matrix(models, list(by_image), codes)
    names, titles = list(said), list(models)
    pairs = combinations(range(len(names)), 2)
    images = list(by_image.values())
    to_settle = [
        Disagreement(
            first := images[place][0],
            {
                name: answers[first.image_id]
                for name, answers in said.items()
                if first.image_id in answers
            },
        )
        for place in (disagreements(readers) if readers.size else [])
    ]
    return BatchAgreement(
        images=len(by_image),
        answered={name: len(answers.keys() & by_image.keys()) for name, answers in said.items()},
        readers=[
            Pair(names[i], names[j], pair_agreement(readers[i], readers[j])) for i, j in pairs
        ],
        models=[
            Pair(name, title, pair_agreement(one, other))
            for name, one in zip(names, readers, strict=True)
            for title, other in zip(titles, answers_of_models, strict=True)
        ],
        alpha=krippendorff_alpha(readers if said else np.full((1, len(by_image)), MISSING)),
        to_settle=to_settle,
    )


def _said(batch: Batch) -> dict[str, dict[uuid.UUID, str]]:
    """By reader and image what they said last."""
    reviews = Review.objects.filter(assignment__batch=batch).order_by("pk")
    said: dict[str, dict[uuid.UUID, str]] = defaultdict(dict)
    columns = ("assignment__reader__username", "assignment_id", "prediction__image_id", "label")
    for username, assignment, image, label in reviews.values_list(*columns):
        said[username or f"removed reader {str(assignment)[:4]}"][image] = label
    return dict(sorted(said.items()))


def _matrix(
    said: dict[str, dict[uuid.UUID, str]], images: list[uuid.UUID], codes: dict[str, int]
) -> Answers:
    """Answers (people, images) as numbers, which `codes` keeps for each label."""
    rows = [
        [
            codes.setdefault(answers[image], len(codes)) if image in answers else MISSING
            for image in images
        ]
        for answers in said.values()
    ]
    return np.array(rows, np.int64).reshape(len(said), len(images))
