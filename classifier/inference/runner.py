"""The run side: claims waiting predictions, runs them in one forward pass, writes the results."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from classifier import audit, metrics
from classifier.inference import loader
from classifier.inference.connection import sound_connection
from classifier.inference.inputs import stored_input
from classifier.inference.watching import kept_coordinates
from classifier.models import Batch, Prediction, Status, TrainedModel
from classifier.models.images import FOLDERS, IMAGE

logger = logging.getLogger(__name__)

TOO_LONG = "This prediction took too long and was stopped. Try again, or choose a smaller model."
UNEXPECTED = "An unexpected error occurred. The image is kept; try again or tell the administrator."
UNREADABLE = "The stored image could not be read. Upload it again."
UNAVAILABLE = "This model cannot be loaded at the moment. Choose another one."
NO_ANSWER = "The model gave no usable answer for this image."
EXHAUSTED = "The worker stopped each time it tried this prediction, so it was given up."
# By what monitoring knows them.
KINDS: Final = {
    TOO_LONG: "too long",
    UNEXPECTED: "unexpected",
    UNREADABLE: "unreadable",
    UNAVAILABLE: "model unavailable",
}

# Small networks run a batch in less time than a task takes to be delivered.
TURN: Final = timedelta(seconds=0.5)
PURGED_AT_ONCE: Final = 200
# Of images beside the network, which has the processors for most of the time.
DECODERS: Final = 2

# The fields of a prediction that are written when it ends.
FAILURE = ("status", "error_message", "finished_at")
ANSWER = (
    *FAILURE,
    "box_left",
    "box_upper",
    "box_side",
    "box_origin",
    "predicted_label",
    "confidence",
    "probabilities",
    "in_distribution",
    "is_unusual",
    "prediction_set",
    "coordinates",
    "model_version",
)


@dataclass(frozen=True)
class Claimed:
    """A batch whose images are being decoded: what the network sees of each, or None."""

    trained_model: TrainedModel
    inputs: dict[Prediction, Future[npt.NDArray[np.uint8] | None]]

    @property
    def batch(self) -> list[Prediction]:
        return list(self.inputs)

    @property
    def was_tried_before(self) -> bool:
        return self.batch[0].attempts > 1


@sound_connection()
def run_waiting(*, claim: str, call_another: Callable[[], object] = lambda: None) -> int:
    """Run batches of waiting predictions, each of the model of whoever is next in line.

    Once `TURN` has passed no more is claimed, since other tasks wait. Returns how many predictions
    were run; 0 when nothing waits.

    Args:
        claim: the id of the Celery task, so that a task which is delivered again takes up its own
            rows.
        call_another: queues a task; called where there may be more to do than this one does.
    """
    turn_ends = time.monotonic() + TURN.total_seconds()
    done = 0
    with ThreadPoolExecutor(DECODERS) as decoders:
        following = _claim(claim, decoders, resumes=True)
        while claimed := following:
            is_over = not claimed.was_tried_before and time.monotonic() > turn_ends
            # Before the network runs, so that images are decoded meanwhile.
            following = None if is_over else _claim(claim, decoders, resumes=False)
            if is_over or len(claimed.batch) == settings.PREDICTION_BATCH_SIZE:
                call_another()
            try:
                _run_claimed(claimed)
            except BaseException:
                if following:
                    Prediction.objects.hand_back(following.batch)
                raise
            done += len(claimed.batch)
    return done


def _claim(claim: str, decoders: Executor, *, resumes: bool) -> Claimed | None:
    """Take up what is next in line and begin to decode it; None when nothing waits."""
    trained_model = Prediction.objects.next_model(claim if resumes else "")
    if trained_model is None or not sees_images():
        return None
    batch = Prediction.objects.claim_batch(trained_model, claim, resumes=resumes)
    inputs = {prediction: decoders.submit(_input, prediction) for prediction in batch}
    return Claimed(trained_model, inputs) if batch else None


def sees_images() -> bool:
    """Whether the folder is there in which web processes store images; says so where it is not.

    A worker on a machine without it, or whose mount is gone, leaves the work to others: to it every
    image would be unreadable.
    """
    if default_storage.exists(FOLDERS[IMAGE]):
        return True
    logger.error(
        "This worker does not see the images in %s, so it takes up nothing. Mount there what the "
        "web server stores images in; what waits is kept",
        settings.MEDIA_ROOT,
    )
    return False


def _run_claimed(claimed: Claimed) -> None:
    """The failure ladder: safe words for the person, the cause for the log."""
    trained_model, batch = claimed.trained_model, claimed.batch
    try:
        with sound_connection():
            _predict(claimed)
    except loader.ModelUnavailable as error:
        logger.error("Model %s is unavailable: %s", trained_model.slug, error)
        _fail(batch, UNAVAILABLE)
    except SoftTimeLimitExceeded:
        logger.warning("%d predictions of %s took too long", len(batch), trained_model.slug)
        _fail(batch, TOO_LONG)
    except (OperationalError, InterfaceError):
        # Nothing is wrong with these. Where the database is gone for longer than its connection,
        # they are taken up again as those of a dead worker are.
        Prediction.objects.hand_back(batch)
        raise
    except Exception:
        logger.exception("A batch of %s failed", trained_model.slug)
        _fail(batch, UNEXPECTED)


def _predict(claimed: Claimed) -> None:
    trained_model = claimed.trained_model
    loaded = loader.load(trained_model)
    inputs = {prediction: decoded.result() for prediction, decoded in claimed.inputs.items()}
    readable = {prediction: pixels for prediction, pixels in inputs.items() if pixels is not None}
    if unreadable := [prediction for prediction in inputs if prediction not in readable]:
        _fail(unreadable, UNREADABLE)
    if not readable:
        return
    started = time.monotonic()
    answers = loaded.answer(
        np.stack(list(readable.values())), [prediction.labels for prediction in readable]
    )
    elapsed = time.monotonic() - started
    logger.info(
        "%s: %d images in %.0f ms",
        trained_model.slug,
        len(readable),
        1000 * elapsed,
        extra={"predictions": [str(prediction.pk) for prediction in readable]},
    )
    for prediction, answer in zip(readable, answers, strict=True):
        _fill_in(prediction, loaded, answer)
    Prediction.objects.write_claimed(readable, ANSWER)
    answered = [row for row in readable if row.status == Status.SUCCESS]
    metrics.count_answers(trained_model.slug, answered, elapsed)
    metrics.FAILURES.labels(trained_model.slug, "no answer").inc(len(readable) - len(answered))


def _input(prediction: Prediction) -> npt.NDArray[np.uint8] | None:
    """What the network sees of the stored image, or None where that cannot be read."""
    try:
        return stored_input(prediction)
    except (OSError, ValueError, SyntaxError):
        logger.warning("The image of prediction %s cannot be read", prediction.pk)
        return None


def _fill_in(prediction: Prediction, loaded: loader.LoadedModel, answer: loader.Answer) -> None:
    """Set what the model says, the fields of `ANSWER`."""
    row = answer.probabilities
    prediction.finished_at = timezone.now()
    if not np.isfinite(row).all():
        prediction.status, prediction.error_message = Status.FAILURE, NO_ANSWER
        return
    probabilities = [float(value) for value in row]
    best = int(row.argmax())
    prediction.status = Status.SUCCESS
    prediction.predicted_label = answer.classes[best]
    prediction.confidence = min(probabilities[best], 1.0)
    prediction.probabilities = list(zip(answer.classes, probabilities, strict=True))
    prediction.in_distribution = answer.in_distribution
    prediction.is_unusual = answer.is_unusual
    prediction.prediction_set = answer.prediction_set
    if loaded.limits is not None and answer.features is not None:
        coordinates = loaded.limits.coordinates(answer.features[None])[0]
        prediction.coordinates = kept_coordinates(coordinates)
    prediction.model_version = loaded.bundle.version


def _fail(batch: Sequence[Prediction], message: str) -> None:
    """End what this claim still holds; a row that was deleted or taken over stays as it is."""
    metrics.FAILURES.labels(batch[0].trained_model.slug, KINDS[message]).inc(len(batch))
    for prediction in batch:
        prediction.status, prediction.error_message = Status.FAILURE, message
        prediction.finished_at = timezone.now()
    Prediction.objects.write_claimed(batch, FAILURE)


def give_up_exhausted() -> int:
    """End predictions whose every attempt died with its worker; returns how many."""
    ended = Prediction.objects.exhausted().update(
        status=Status.FAILURE, error_message=EXHAUSTED, finished_at=timezone.now()
    )
    if ended:
        metrics.FAILURES.labels("any", "exhausted").inc(ended)
        logger.error("%d predictions were given up after their last attempt", ended)
    return int(ended)


def purge_trash() -> int:
    """Delete for good what has lain in the trash for too long, some at a time; how many went."""
    limit = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    too_long = list(Prediction.objects.filter(deleted_at__lt=limit).order_by()[:PURGED_AT_ONCE])
    for prediction in too_long:
        with transaction.atomic():
            image = str(prediction.image_id)
            audit.record(audit.Action.ERASED, subject=prediction, image=image, after="trash")
            prediction.delete_with_image()
    if len(too_long) < PURGED_AT_ONCE:
        Batch.objects.filter(deleted_at__lt=limit, predictions=None).delete()
    return len(too_long)


def tasks_due() -> Counter[str]:
    """Tasks that each model needs for what waits: fresh rows by the batch, retries one by one."""
    due: Counter[str] = Counter()
    claimable = Prediction.objects.claimable().order_by()
    waiting = claimable.values_list("trained_model__slug", "attempts")
    fresh = Counter(slug for slug, attempts in waiting if attempts == 0)
    for slug, count in fresh.items():
        due[slug] += -(-count // settings.PREDICTION_BATCH_SIZE)
    due.update(slug for slug, attempts in waiting if attempts > 0)
    return due
