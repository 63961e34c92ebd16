"""The run side of validations: a worker answers the images of a set in turns, then measures."""

import logging
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from classifier.datasets.near_duplicates import grey_thumbnail
from classifier.errors import PlainError
from classifier.inference import loader
from classifier.inference.connection import sound_connection
from classifier.inference.inputs import upload_input
from classifier.inference.runner import EXHAUSTED, UNAVAILABLE, UNEXPECTED, sees_images
from classifier.models import LabelledImage, Status, Validation, ValidationAnswer
from classifier.models.validations import ValidationQuerySet
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
    validation = Validation.objects.claim_next(claim) if sees_images() else None
    if validation is None:
        return False
    try:
        with sound_connection():
            _go_on(validation)
    except PlainError as error:
        _fail(validation, str(error))
    except loader.ModelUnavailable as error:
        logger.error("Model %s is unavailable: %s", validation.trained_model.slug, error)
        _fail(validation, UNAVAILABLE)
    except SoftTimeLimitExceeded:
        logger.warning("Validation %s took too long", validation.pk)
        _fail(validation, TOO_LONG)
    except (OperationalError, InterfaceError):
        # As with predictions: it is taken up again when the database is back.
        raise
    except Exception:
        logger.exception("Validation %s failed", validation.pk)
        _fail(validation, UNEXPECTED)
    return True


def are_due() -> bool:
    """Whether a turn has to be rung for: one waits, and no worker is at any."""
    return Validation.objects.all().is_due()


def give_up_exhausted() -> int:
    """End validations whose every attempt died with its worker; returns how many."""
    return int(
        Validation.objects.exhausted().update(
            status=Status.FAILURE, error_message=EXHAUSTED, finished_at=timezone.now()
        )
    )


def _go_on(validation: Validation) -> None:
    loaded = loader.load(validation.trained_model)
    if validation.model_version != loaded.bundle.version:
        # The model is not the one that answered before.
        validation.answers.all().delete()
        validation.model_version, validation.done = loaded.bundle.version, 0
        _held(validation).update(model_version=loaded.bundle.version, done=0)
    turn_ends = time.monotonic() + TURN_SECONDS
    while time.monotonic() < turn_ends:
        first = validation.done
        images = validation.labelled_set.images.in_order().select_related("image")
        chunk = list(images[first : first + settings.PREDICTION_BATCH_SIZE])
        if not chunk:
            return _finish(validation, loaded)
        if not _answer(validation, loaded, chunk):
            return None
    _held(validation).update(status=Status.PENDING, attempts=0, claim="")
    return None


def _held(validation: Validation) -> ValidationQuerySet:
    """The row, as long as this claim holds it: what was deleted or taken over stays as it is."""
    return Validation.objects.filter(
        pk=validation.pk, claim=validation.claim, status=Status.STARTED
    )


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
        held = _held(validation).update(done=validation.done, heard_at=timezone.now(), attempts=1)
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
        ended = _held(validation).update(
            status=Status.SUCCESS,
            report=report.as_json(),
            finished_at=timezone.now(),
            error_message="",
        )
        if ended:
            validation.answers.update(features=None, thumbnail=None)


def _fail(validation: Validation, message: str) -> None:
    _held(validation).update(
        status=Status.FAILURE, error_message=message[:300], finished_at=timezone.now()
    )
