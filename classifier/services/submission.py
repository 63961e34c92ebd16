"""Bringing images: one at a time, or many as a batch."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction

from classifier import audit, quotas
from classifier.idempotency import RepeatableRequest
from classifier.models import Batch, ImageUpload, Prediction, Project, TrainedModel
from classifier.models.images import IMAGE, THUMBNAIL
from classifier.preprocessing import Box
from classifier.services.looks import AS_USUAL, Look, LookRefused
from classifier.services.permissions import check_reads_in
from classifier.services.queueing import field_batch, queue
from classifier.uploads import images as uploads


@dataclass(frozen=True)
class SentFile:
    """A file of a batch, read when its turn comes; `read` raises UploadRejected.

    Attributes:
        filename: with the folders before it, where it lay in some.
        key: the same for the same file sent again; needed where it is added to an open batch.
    """

    filename: str
    read: Callable[[], uploads.UploadedPicture]
    key: str = ""


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
    look: Look = AS_USUAL,
    is_synthetic: bool = False,
    repeatable: RepeatableRequest | None = None,
) -> list[Prediction]:
    """Store an image and queue one prediction per model; both or neither.

    Of a field, one per cell and model, which are a batch. Raises LookRefused, StorageFailed,
    idempotency.AlreadyDone when the same request was stored meanwhile, and quotas.QuotaExceeded or
    quotas.BeyondLimit.
    """
    boxes = look.boxes(trained_models, picture.pixels)
    number = len(trained_models) * len(boxes or [None])
    room = quotas.check_submission(owner, predictions=number, byte_size=picture.byte_size)
    with files_unless_stored() as images:
        images.append(build_image(owner, picture, is_synthetic=is_synthetic))
        with transaction.atomic():
            quotas.check_room(room - images[0].stored_bytes)
            images[0].save()
            quotas.count_bytes(owner, images[0].stored_bytes)
            predictions = queue(
                owner=owner,
                images=images,
                trained_models=trained_models,
                look=look,
                boxes={images[0].pk: boxes} if boxes else {},
                batch=field_batch(owner, images[0], trained_models, look),
            )
            audit.record(
                audit.Action.UPLOADED,
                person=owner,
                subject=images[0],
                file_names=[picture.filename],
                predictions=[str(prediction.pk) for prediction in predictions],
            )
            if repeatable:
                repeatable.remember(predictions=predictions)
    return predictions


def submit_batch(
    *,
    owner: User,
    files: Iterable[SentFile],
    trained_models: Sequence[TrainedModel],
    look: Look = AS_USUAL,
    name: str = "",
    project: Project | None = None,
    repeatable: RepeatableRequest | None = None,
) -> Batch:
    """Store what can be read and queue one prediction per image and model; all or nothing.

    Of a field, one per cell and model.

    One image at a time is decoded. Raises NothingAccepted when none can be, StorageFailed,
    idempotency.AlreadyDone when the same request was stored meanwhile, quotas.QuotaExceeded and
    quotas.BeyondLimit, and permissions.NotAllowed.
    """
    check_reads_in(owner, project)
    with files_unless_stored() as images:
        rejected, boxes = _read_all(owner, files, images, look, trained_models)
        if not images:
            raise NothingAccepted(rejected)
        with transaction.atomic():
            byte_size = sum(image.stored_bytes for image in images)
            waiting = count_predictions(images, boxes, trained_models)
            quotas.check_again(owner, predictions=waiting, byte_size=byte_size)
            batch = Batch.objects.create(
                owner=owner,
                name=name,
                project=project,
                crop=look.crop,
                labels=look.labels,
                platelets=look.platelets,
                rejected=rejected,
            )
            batch.trained_models.set(trained_models)
            ImageUpload.objects.bulk_create(images)
            quotas.count_bytes(owner, byte_size)
            queue(
                owner=owner,
                images=images,
                trained_models=trained_models,
                look=look,
                boxes=boxes,
                batch=batch,
            )
            audit.record(
                audit.Action.UPLOADED,
                person=owner,
                subject=batch,
                keys=(image.pk for image in images),
                file_names=(image.shown_path for image in images),
                number=len(images),
            )
            if repeatable:
                repeatable.remember(batch=batch)
    return batch


@contextmanager
def files_unless_stored() -> Iterator[list[ImageUpload]]:
    """A list for images whose files are written; the files go again should the rest fail."""
    images: list[ImageUpload] = []
    try:
        yield images
    except BaseException:
        for image in images:
            image.remove_files()
        raise


def count_predictions(
    images: Sequence[ImageUpload],
    boxes: Mapping[uuid.UUID, Sequence[Box]],
    trained_models: Sequence[TrainedModel],
) -> int:
    """How many predictions images come to, of which some have boxes."""
    return len(trained_models) * sum(len(boxes.get(image.pk, [None])) for image in images)


def _read_all(
    owner: User,
    files: Iterable[SentFile],
    images: list[ImageUpload],
    look: Look,
    trained_models: Sequence[TrainedModel],
) -> tuple[list[dict[str, str]], dict[uuid.UUID, list[Box]]]:
    """Append an image for each file that can be read; returns the others with the reason.

    And what is to be seen of an image, by its key, where that is not left to the crop. Raises
    UploadRejected where a file might be read a minute later.
    """
    rejected, boxes = [], {}
    room = quotas.room(owner)
    for file in files:
        try:
            picture = file.read()
            found = look.boxes(trained_models, picture.pixels)
            images.append(build_image(owner, picture, path=file.filename))
        except uploads.UploadRejected as refusal:
            if refusal.is_temporary:
                raise
            rejected.append({"filename": file.filename, "reason": refusal.message})
        except LookRefused as refusal:
            rejected.append({"filename": file.filename, "reason": refusal.message})
        else:
            if found is not None:
                boxes[images[-1].pk] = found
            room -= images[-1].stored_bytes
            quotas.check_room(room)
    return rejected, boxes


def build_image(
    owner: User, picture: uploads.UploadedPicture, *, path: str = "", is_synthetic: bool = False
) -> ImageUpload:
    """An image whose files are written, and whose row is not. Raises StorageFailed.

    Args:
        path: with the folders that the file lay in, where it lay in some.
    """
    path = path or picture.filename
    image = ImageUpload(
        id=uuid.uuid4(),
        owner=owner,
        original_filename=picture.filename,
        path=path if "/" in path else "",
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
        format, content = uploads.encode(picture)
        image.file.save(f"{IMAGE}.{format}", ContentFile(content), save=False)
        if uploads.is_own_thumbnail(picture, len(content)):
            image.thumbnail.name = image.file.name
        else:
            thumbnail = ContentFile(uploads.thumbnail(picture))
            image.thumbnail.save(f"{THUMBNAIL}.png", thumbnail, save=False)
        image.measure_files()
    except OSError as error:
        image.remove_files()
        raise StorageFailed from error
    return image
