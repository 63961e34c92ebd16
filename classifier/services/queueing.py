"""What is done to waiting work: queued, queued again, cancelled."""

import uuid
from collections.abc import Mapping, Sequence
from itertools import product

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from PIL import Image

from classifier import quotas, tasks
from classifier.models import (
    Batch,
    BoxOrigin,
    ImageUpload,
    Prediction,
    PredictionQuerySet,
    Status,
    TrainedModel,
)
from classifier.preprocessing import Box, Crop
from classifier.services.looks import AS_USUAL, Look

CANCELLED = "Cancelled before it ran."


@transaction.atomic
def queue_predictions(
    *,
    owner: User,
    image: ImageUpload,
    trained_models: Sequence[TrainedModel],
    look: Look = AS_USUAL,
    boxes: Sequence[Box] | None = None,
) -> list[Prediction]:
    """Queue a prediction per model, and per box where there are some, for a stored image.

    The cells of a field become a batch. Raises ImageUpload.DoesNotExist when the image was deleted
    meanwhile, and quotas.QuotaExceeded or quotas.BeyondLimit.
    """
    number = len(trained_models) * len(boxes or [None])
    quotas.check_submission(owner, predictions=number, byte_size=0)
    ImageUpload.objects.select_for_update(no_key=True).get(pk=image.pk)
    return queue(
        owner=owner,
        images=[image],
        trained_models=trained_models,
        look=look,
        boxes={image.pk: boxes} if boxes else {},
        batch=field_batch(owner, image, trained_models, look),
    )


def field_batch(
    owner: User, image: ImageUpload, trained_models: Sequence[TrainedModel], look: Look
) -> Batch | None:
    """A batch for the cells of a field, inside of the caller's transaction; None of other crops."""
    if look.crop is not Crop.CELLS:
        return None
    batch = Batch.objects.create(
        owner=owner,
        name=image.original_filename[:120],
        crop=look.crop,
        labels=look.labels,
        platelets=look.platelets,
    )
    batch.trained_models.set(trained_models)
    return batch


def queue(
    *,
    owner: User,
    images: Sequence[ImageUpload],
    trained_models: Sequence[TrainedModel],
    look: Look = AS_USUAL,
    boxes: Mapping[uuid.UUID, Sequence[Box]] | None = None,
    batch: Batch | None = None,
) -> list[Prediction]:
    """Add a prediction for each image, box and model behind what the person has waiting.

    Belongs into the transaction that stores the images.

    Args:
        boxes: by the image's key; one without is seen as the crop says.
    """
    turn = Prediction.objects.next_turn(owner)
    given: dict[uuid.UUID, Sequence[Box | None]] = {**(boxes or {})}
    views = [(image, box) for image in images for box in given.get(image.pk, [None])]
    predictions = []
    for number, ((image, box), model) in enumerate(product(views, trained_models)):
        prediction = Prediction(
            owner=owner,
            project_id=batch.project_id if batch else None,
            image=image,
            trained_model=model,
            crop=look.crop,
            labels=look.labels,
            batch=batch,
            turn=turn + number,
        )
        if box is not None:
            prediction.set_box(box, look.box_origin)
        predictions.append(prediction)
    Prediction.objects.bulk_create(predictions)
    forward_passes = -(-len(views) // settings.PREDICTION_BATCH_SIZE)
    for model in trained_models:
        ring_on_commit(model, times=forward_passes)
    return predictions


def look_again(
    *, owner: User, image: ImageUpload, trained_models: Sequence[TrainedModel], look: Look
) -> list[Prediction]:
    """`queue_predictions` with the boxes that the look asks for in the stored image.

    Raises LookRefused too, and ImageUpload.DoesNotExist also where its file is gone.
    """
    boxes = None
    if look.crop.needs_boxes:
        try:
            with image.file.open() as file, Image.open(file, formats=["PNG", "JPEG"]) as pixels:
                boxes = look.boxes(trained_models, pixels)
        except FileNotFoundError as error:
            raise ImageUpload.DoesNotExist from error
    return queue_predictions(
        owner=owner, image=image, trained_models=trained_models, look=look, boxes=boxes
    )


@transaction.atomic
def run_again(*, owner: User, predictions: PredictionQuerySet, trained_model: TrainedModel) -> int:
    """Queue the images of some results for a model, each as it was looked at and in its batch.

    Only images of the person's own; a batch that is signed is left as it is. Returns how many
    predictions were queued. Raises quotas.QuotaExceeded and quotas.BeyondLimit.
    """
    own = predictions.kept().filter(image__owner=owner).select_related("image", "batch")
    classes = set(trained_model.described.classes)
    rows = {
        (row.image_id, row.crop, row.box if Crop(row.crop).needs_boxes else None): row
        for row in own.order_by("created_at")
    }
    quotas.check_again(owner, predictions=len(rows), byte_size=0)
    turn = Prediction.objects.next_turn(owner)
    queued = []
    for number, row in enumerate(rows.values()):
        prediction = Prediction(
            owner=owner,
            image=row.image,
            trained_model=trained_model,
            crop=row.crop,
            # A model for other images has other classes.
            labels=row.labels if classes.issuperset(row.labels or ()) else None,
            batch=row.batch if row.batch and not row.batch.is_signed else None,
            project_id=row.project_id if row.batch and not row.batch.is_signed else None,
            turn=turn + number,
        )
        if Crop(row.crop).needs_boxes and row.box:
            prediction.set_box(row.box, BoxOrigin(row.box_origin))
        queued.append(prediction)
    Prediction.objects.bulk_create(queued)
    # The gallery of a batch shows one of its models at a time.
    asked = Batch.trained_models.through
    asked.objects.bulk_create(
        [
            asked(batch_id=key, trainedmodel_id=trained_model.pk)
            for key in {row.batch_id for row in queued if row.batch_id}
        ],
        ignore_conflicts=True,
    )
    ring_on_commit(trained_model, times=-(-len(queued) // settings.PREDICTION_BATCH_SIZE))
    return len(queued)


def ring_on_commit(trained_model: TrainedModel, *, times: int = 1) -> None:
    # No partial: Django names what failed, and a partial has no name.
    transaction.on_commit(lambda: tasks.ring(trained_model.slug, times=times), robust=True)


@transaction.atomic
def requeue(*, prediction: Prediction) -> bool:
    """Run a failed prediction again; False when it has not failed (any more)."""
    reset = Prediction.objects.filter(pk=prediction.pk, status=Status.FAILURE).update(
        status=Status.PENDING,
        turn=Prediction.objects.next_turn(prediction.owner),
        attempts=0,
        claim="",
        error_message="",
        started_at=None,
        finished_at=None,
    )
    if reset:
        ring_on_commit(prediction.trained_model)
    return bool(reset)


def cancel_waiting(*, batch: Batch) -> int:
    """End what no worker has taken up yet; what runs goes on. Returns how many were ended."""
    waiting = batch.predictions.kept().filter(status=Status.PENDING)
    ended = waiting.update(
        status=Status.FAILURE, error_message=CANCELLED, finished_at=timezone.now()
    )
    return int(ended)
