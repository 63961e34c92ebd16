"""The request side: everything that a page, the API or the admin does to images and predictions.

Each function is one transaction. Work is queued only when that has been committed, so that a worker
never looks for a row which is not there yet.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from classifier import quotas
from classifier.idempotency import RepeatableRequest
from classifier.models import Batch, ImageUpload, Prediction, Status, TrainedModel
from classifier.models.images import IMAGE, THUMBNAIL
from classifier.preprocessing import Crop
from classifier.tasks import ring
from classifier.uploads import images as uploads

CANCELLED = "Cancelled before it ran."


@dataclass(frozen=True)
class SentFile:
    """A file of a batch, read when its turn comes; `read` raises UploadRejected."""

    filename: str
    read: Callable[[], uploads.UploadedPicture]


class StorageFailed(Exception):
    """The disk would not take the image, and nothing of it was kept."""

    def __init__(self) -> None:
        super().__init__(
            "The image could not be stored, so nothing was kept. Try again later, and tell the "
            "administrator if it happens again."
        )


class NothingAccepted(Exception):
    """Not one file of a batch was taken; `rejected` says why."""

    def __init__(self, rejected: list[dict[str, str]]) -> None:
        super().__init__("None of the files can be classified.")
        self.rejected = rejected


def submit_predictions(
    *,
    owner: User,
    picture: uploads.UploadedPicture,
    trained_models: Sequence[TrainedModel],
    crop: Crop = Crop.AUTO,
    is_synthetic: bool = False,
    repeatable: RepeatableRequest | None = None,
) -> list[Prediction]:
    """Store an image and queue one prediction per model; both or neither.

    Raises StorageFailed, idempotency.AlreadyDone when the same request was stored meanwhile, and
    quotas.BeyondLimit when the person's images would take more room than they have.
    """
    with _files_unless_stored() as images:
        images.append(_build_image(owner, picture, is_synthetic))
        with transaction.atomic():
            quotas.check_room(quotas.room(owner) - images[0].stored_bytes)
            images[0].save()
            quotas.count_bytes(owner, images[0].stored_bytes)
            predictions = predict_image(image=images[0], trained_models=trained_models, crop=crop)
            if repeatable:
                repeatable.remember(predictions=predictions)
    return predictions


def submit_batch(
    *,
    owner: User,
    files: Iterable[SentFile],
    trained_models: Sequence[TrainedModel],
    crop: Crop = Crop.AUTO,
    repeatable: RepeatableRequest | None = None,
) -> Batch:
    """Store what can be read and queue one prediction per image and model; all or nothing.

    One image at a time is decoded. Raises NothingAccepted when none can be, StorageFailed,
    idempotency.AlreadyDone when the same request was stored meanwhile, quotas.QuotaExceeded and
    quotas.BeyondLimit.
    """
    with _files_unless_stored() as images:
        rejected = _read_all(owner, files, images)
        if not images:
            raise NothingAccepted(rejected)
        with transaction.atomic():
            byte_size = sum(image.stored_bytes for image in images)
            waiting = len(images) * len(trained_models)
            quotas.check_again(owner, predictions=waiting, byte_size=byte_size)
            batch = Batch.objects.create(owner=owner, rejected=rejected)
            ImageUpload.objects.bulk_create(images)
            quotas.count_bytes(owner, byte_size)
            _queue(images, trained_models, crop, batch)
            if repeatable:
                repeatable.remember(batch=batch)
    return batch


@contextmanager
def _files_unless_stored() -> Iterator[list[ImageUpload]]:
    """A list for images whose files are written; the files go again should the rest fail."""
    images: list[ImageUpload] = []
    try:
        yield images
    except BaseException:
        for image in images:
            image.remove_files()
        raise


def _read_all(
    owner: User, files: Iterable[SentFile], images: list[ImageUpload]
) -> list[dict[str, str]]:
    """Append an image for each file that can be read; returns the others with the reason.

    Raises UploadRejected where a file might be read a minute later.
    """
    rejected = []
    room = quotas.room(owner)
    for file in files:
        try:
            images.append(_build_image(owner, file.read(), is_synthetic=False))
        except uploads.UploadRejected as refusal:
            if refusal.is_temporary:
                raise
            rejected.append({"filename": file.filename, "reason": refusal.message})
        else:
            room -= images[-1].stored_bytes
            quotas.check_room(room)
    return rejected


def _build_image(owner: User, picture: uploads.UploadedPicture, is_synthetic: bool) -> ImageUpload:
    image = ImageUpload(
        id=uuid.uuid4(),
        owner=owner,
        original_filename=picture.filename,
        format=picture.format,
        byte_size=picture.byte_size,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        warnings=list(picture.warnings),
        is_synthetic=is_synthetic,
    )
    try:
        quotas.require_free_disk()
        image.file.save(IMAGE, ContentFile(uploads.encode(picture)), save=False)
        _add_thumbnail(image, picture)
        image.measure_files()
    except OSError as error:
        image.remove_files()
        raise StorageFailed from error
    return image


def _add_thumbnail(image: ImageUpload, picture: uploads.UploadedPicture) -> None:
    if max(picture.width, picture.height) > uploads.SMALL_SIDE:
        image.thumbnail.save(THUMBNAIL, ContentFile(uploads.thumbnail(picture)), save=False)
    else:
        image.thumbnail.name = image.file.name


@transaction.atomic
def predict_image(
    *, image: ImageUpload, trained_models: Sequence[TrainedModel], crop: Crop = Crop.AUTO
) -> list[Prediction]:
    """Queue one prediction per model for an image that is already stored.

    Raises ImageUpload.DoesNotExist when it was deleted meanwhile.
    """
    ImageUpload.objects.select_for_update().get(pk=image.pk)
    return _queue([image], trained_models, crop)


def _queue(
    images: Sequence[ImageUpload],
    trained_models: Sequence[TrainedModel],
    crop: Crop,
    batch: Batch | None = None,
) -> list[Prediction]:
    predictions = [
        Prediction(image=image, trained_model=trained_model, crop=crop, batch=batch)
        for image in images
        for trained_model in trained_models
    ]
    Prediction.objects.bulk_create(predictions)
    forward_passes = -(-len(images) // settings.PREDICTION_BATCH_SIZE)
    for trained_model in trained_models:
        transaction.on_commit(partial(ring, trained_model.slug, times=forward_passes), robust=True)
    return predictions


@transaction.atomic
def requeue(*, prediction: Prediction) -> bool:
    """Run a failed prediction again; False when it has not failed (any more)."""
    reset = Prediction.objects.filter(pk=prediction.pk, status=Status.FAILURE).update(
        status=Status.PENDING,
        attempts=0,
        claim="",
        error_message="",
        started_at=None,
        finished_at=None,
    )
    if reset:
        transaction.on_commit(partial(ring, prediction.trained_model.slug), robust=True)
    return bool(reset)


def cancel_waiting(*, batch: Batch) -> int:
    """End what no worker has taken up yet; what runs goes on. Returns how many were ended."""
    waiting = batch.predictions.filter(status=Status.PENDING)
    ended = waiting.update(
        status=Status.FAILURE, error_message=CANCELLED, finished_at=timezone.now()
    )
    return int(ended)


@transaction.atomic
def delete_prediction(*, prediction: Prediction) -> None:
    """Delete a prediction, and its image with the files once no other prediction uses it."""
    image = ImageUpload.objects.select_for_update().filter(pk=prediction.image_id).first()
    if image is None:
        # Another tab was faster, and the prediction went with the image.
        return
    prediction.delete()
    if not image.predictions.exists():
        image.delete()
