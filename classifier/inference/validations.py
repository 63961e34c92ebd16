"""The run side of validations: a worker answers the images of a set in turns, then measures."""

import logging
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier.datasets.near_duplicates import grey_thumbnail
from classifier.inference import loader, turns
from classifier.inference.inputs import upload_input
from classifier.inference.runner import sees_images
from classifier.models import LabelledImage, Status, Validation, ValidationAnswer
from classifier.preprocessing import Crop

logger = logging.getLogger(__name__)

TOO_LONG = "The figures took too long and were stopped. Try again with fewer images."
# Short, so that a single image which comes meanwhile does not wait for a whole set.
TURN_SECONDS: Final = 2.0


def run_turn(*, claim: str) -> bool:
    """Go on with the validation that has waited longest; False where none waits.

    `claim` is the id of the Celery task. Killed in the middle, it goes on from the last images that
    were written; with each turn that gets further, its attempts start anew.
    """
    if not sees_images():
        return False
    return turns.run_turn(Validation.objects.all(), _go_on, claim=claim, too_long=TOO_LONG)


def are_due() -> bool:
    """Whether a turn has to be rung for: one waits, and no worker is at any."""
    return Validation.objects.all().is_due()


def give_up_exhausted() -> int:
    """End validations whose every attempt died with its worker; returns how many."""
    return turns.give_up_exhausted(Validation.objects.all())


def _go_on(validation: Validation) -> None:
    loaded = loader.load(validation.trained_model)
    if validation.model_version != loaded.bundle.version:
        # The model is not the one that answered before.
        validation.answers.all().delete()
        validation.model_version, validation.done = loaded.bundle.version, 0
        Validation.objects.held(validation).update(model_version=loaded.bundle.version, done=0)
    turn_ends = time.monotonic() + TURN_SECONDS
    while time.monotonic() < turn_ends:
        first = validation.done
        images = validation.labelled_set.images.in_order().select_related("image")
        chunk = list(images[first : first + settings.PREDICTION_BATCH_SIZE])
        if not chunk:
            return _finish(validation, loaded)
        if not _answer(validation, loaded, chunk):
            return None
    turns.pause(Validation.objects.all(), validation)
    return None


def _answer(
    validation: Validation, loaded: loader.LoadedModel, chunk: Sequence[LabelledImage]
) -> bool:
    """Write the answers to some images; False where the validation is another worker's now."""
    inputs = {image: _input(validation, image) for image in chunk}
    readable = {image: pixels for image, pixels in inputs.items() if pixels is not None}
    answers = loaded.answer(np.stack(list(readable.values()))) if readable else []
    rows = [
        ValidationAnswer(
            validation=validation,
            labelled_image=image,
            predicted_label=loaded.bundle.classes[int(answer.probabilities.argmax())],
            probabilities=[float(value) for value in answer.probabilities],
            in_distribution=answer.in_distribution,
            prediction_set=answer.prediction_set,
            features=None
            if answer.features is None
            else answer.features.astype(np.float16).tobytes(),
            thumbnail=grey_thumbnail(readable[image]).tobytes(),
        )
        for image, answer in zip(readable, answers, strict=True)
        if np.isfinite(answer.probabilities).all()
    ]
    with transaction.atomic():
        validation.done += len(chunk)
        held = (
            Validation.objects.all()
            .held(validation)
            .update(done=validation.done, heard_at=timezone.now(), attempts=1)
        )
        if held:
            ValidationAnswer.objects.bulk_create(rows)
    return bool(held)


def _input(validation: Validation, image: LabelledImage) -> npt.NDArray[np.uint8] | None:
    try:
        crop = Crop(validation.labelled_set.crop)
        return upload_input(validation.trained_model, image.image, crop)
    except (OSError, ValueError, SyntaxError):
        logger.warning("The image of labelled image %s cannot be read", image.pk)
        return None


def _finish(validation: Validation, loaded: loader.LoadedModel) -> None:
    # The web process rings the tasks of this module, and needs no scikit-learn for it.
    from classifier.inference.measuring import measure

    report = measure(validation, loaded.bundle)
    with transaction.atomic():
        ended = (
            Validation.objects.all()
            .held(validation)
            .update(
                status=Status.SUCCESS,
                report=report.as_json(),
                finished_at=timezone.now(),
                error_message="",
            )
        )
        if ended:
            validation.answers.update(features=None, thumbnail=None)
