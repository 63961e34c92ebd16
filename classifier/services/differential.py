"""The differential count of a batch: what people said as they said it, the rest corrected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from classifier.models import Certainty, PredictionQuerySet, Status, TrainedModel
from classifier.statistics.differential import (
    Counts,
    Differential,
    UncorrectableError,
    differential_count,
)


@dataclass(frozen=True)
class BatchDifferential:
    """A count of one model's images, and what it leaves out.

    Attributes:
        named_otherwise: images that a reader called none of the classes, or could not tell.
        unlike: unreviewed images that are unlike the training data, whose class says little.
        not_counted: other unreviewed images that could not be corrected.
        trouble: why they could not; empty where they were.
    """

    count: Differential
    named_otherwise: int
    unlike: int
    not_counted: int
    trouble: str

    @property
    def is_mixed(self) -> bool:
        """Whether some cells are counted as reviewed, and some as corrected."""
        return bool(self.count.reviewed and self.count.unreviewed)


def batch_differential(
    predictions: PredictionQuerySet, model: TrainedModel
) -> BatchDifferential | None:
    """Count the answers of a model; None where its images show no cells to count."""
    rule = model.dataset_info.differential
    if rule is None:
        return None
    labels = model.described.classes
    columns = ("reviewed_label", "predicted_label", "certainty", "model_version")
    rows = predictions.filter(trained_model=model, status=Status.SUCCESS).order_by()
    counted = Counter(rows.values_list(*columns))
    reviewed, predicted, other_version = Counter[str](), Counter[str](), 0
    unlike = 0
    for (said, answer, certainty, version), number in counted.items():
        if said:
            reviewed[said] += number
        elif certainty == Certainty.UNLIKE:
            unlike += number
        else:
            predicted[answer] += number
            other_version += number if version != model.version else 0
    said, answered = _numbers(labels, reviewed), _numbers(labels, predicted)
    count_cells = partial(
        differential_count,
        labels,
        reviewed=said,
        denominator=rule.denominator,
        per_hundred=rule.per_hundred,
    )
    trouble = ""
    try:
        if other_version:
            raise UncorrectableError("An earlier version of the model answered some of them.")
        measured = model.measured
        confusion = np.array(measured.confusion_matrix, np.int64) if measured else None
        count = count_cells(predicted=answered, confusion=confusion)
    except UncorrectableError as error:
        trouble = str(error)
        count = count_cells(predicted=np.zeros_like(answered))
    return BatchDifferential(
        count=count,
        named_otherwise=reviewed.total() - int(said.sum()),
        unlike=unlike,
        not_counted=int(answered.sum()) - count.unreviewed,
        trouble=trouble,
    )


def _numbers(labels: Sequence[str], counts: Counter[str]) -> Counts:
    return np.array([counts[label] for label in labels], np.int64)
