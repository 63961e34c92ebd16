"""A report for tests of what shows one; its numbers mean nothing."""

from functools import cache
from typing import Any

import numpy as np

from classifier.bundles.schema import Evaluation, Metadata
from classifier.validation.figures import Answered
from classifier.validation.making import make_report
from classifier.validation.report import ValidatedSet
from tests.factories import curves_of, evaluation_of, limits_described, metadata_of, uncertainty_of


@cache
def _report() -> dict[str, Any]:
    described = metadata_of(slug="blood", dataset="bloodmnist", sha256="0" * 64)
    metadata = Metadata.model_validate({**described, "uncertainty": limits_described()})
    classes = metadata.classes
    evaluation = Evaluation.model_validate(
        {**evaluation_of(classes), **curves_of(classes), "uncertainty": uncertainty_of(classes)}
    )
    random = np.random.default_rng(0)
    labels = np.tile([5, 6, 6], 20)
    probabilities = random.dirichlet(np.ones(8), 60) + 0.6 * np.eye(8)[labels]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    answered = Answered(
        labels, [classes[label] for label in labels], probabilities, np.arange(60) // 2,
        random.random(60) < 0.9, probabilities > 0.3,
    )  # fmt: skip
    own = ValidatedSet(
        name="Lab", n=60, groups=30, ungrouped=0, clusters=30, near_duplicates=0, unreadable=0
    )
    return make_report(metadata, evaluation, own, answered, seconds=1.0).as_json()


def report_json() -> dict[str, Any]:
    """One on 60 images of monocytes and neutrophils."""
    return _report()
