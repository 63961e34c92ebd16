"""Asking where in an image a model found what speaks for its answer."""

import io
from typing import Final

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from classifier import quotas, tasks
from classifier.bundles.schema import ExplanationCheck
from classifier.models import Explanation, Method, Prediction, Status, TrainedModel
from classifier.services.permissions import check_explains

# Names of the nine parts of an image, row by row.
PARTS: Final = (
    "upper left", "upper middle", "upper right",
    "middle left", "centre", "middle right",
    "lower left", "lower middle", "lower right",
)  # fmt: skip
# Where half of a map lies in more of the nine parts than these, it lies everywhere.
FEW_PARTS: Final = 3


class ExplanationRefused(Exception):
    """There is none of this method for this result; the words say why."""


def check_of(trained_model: TrainedModel, method: Method) -> ExplanationCheck | None:
    """What was measured of a method's maps of a model; None where nothing was."""
    checks = trained_model.measured.explanations if trained_model.measured else ()
    return next((check for check in checks if check.method == method), None)


def obstacle(prediction: Prediction, method: Method) -> str:
    """Why a method has no map for a result, in a sentence; empty where it can have one."""
    model = prediction.trained_model
    if prediction.status != Status.SUCCESS:
        return "There is nothing to explain before there is a result."
    if prediction.model_version != model.version or not model.is_installed:
        return "The model that gave this result is no longer here. Classify the image again."
    check = check_of(model, method)
    if check is None and model.measured and model.measured.explanations:
        return "This network has no convolutions, whose feature maps Grad-CAM needs."
    if check is None:
        return "Whether its maps mark what counts was not checked for this model."
    if not check.passes:
        return "Its maps did not pass their check for this model, so they are not shown."
    return ""


@transaction.atomic
def explain(*, asked_by: User, prediction: Prediction, method: Method) -> Explanation:
    """Queue a map, or give the one that there is; what failed is tried again.

    Raises NotAllowed, ExplanationRefused and quotas.QuotaExceeded.
    """
    check_explains(asked_by, prediction)
    if reason := obstacle(prediction, method):
        raise ExplanationRefused(reason)
    User.objects.select_for_update(no_key=True).get(pk=asked_by.pk)
    known = prediction.explanations.filter(method=method).first()
    if known and known.status != Status.FAILURE:
        return known
    quotas.check_explanation(asked_by)
    explanation, _ = Explanation.objects.update_or_create(
        prediction=prediction,
        method=method,
        defaults={
            "asked_by": asked_by,
            "status": Status.PENDING,
            "turn": Explanation.objects.next_turn(asked_by),
            "attempts": 0,
            "claim": "",
            "error_message": "",
            "created_at": timezone.now(),
            "started_at": None,
            "finished_at": None,
        },
    )
    transaction.on_commit(tasks.ring_for_explanation, robust=True)
    return explanation


def where(grey_png: bytes) -> str:
    """In which of the nine parts of an image half of a map lies, in a sentence."""
    with Image.open(io.BytesIO(grey_png), formats=["PNG"]) as image:
        values = np.asarray(image, np.float64)
    shares = np.array([part.sum() for row in _thirds(values, 0) for part in _thirds(row, 1)])
    if not shares.any():
        return "It marks nothing: this method finds nothing in the image that speaks for the class."
    order = (-shares).argsort(kind="stable")
    half = int(np.searchsorted(shares[order].cumsum(), shares.sum() / 2)) + 1
    if half > FEW_PARTS:
        return f"It is spread over the image, with most in the {PARTS[order[0]]}."
    *others, last = (PARTS[index] for index in order[:half])
    return (
        f"Half of it or more lies in the {' and '.join(filter(None, [', '.join(others), last]))}."
    )


def _thirds(values: NDArray[np.float64], axis: int) -> list[NDArray[np.float64]]:
    return np.array_split(values, 3, axis=axis)
