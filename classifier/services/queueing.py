"""What is done to waiting work: queued, queued again, cancelled."""

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier import quotas, tasks
from classifier.models import (
    Batch,
    ImageUpload,
    Prediction,
    PredictionQuerySet,
    Status,
    TrainedModel,
)
from classifier.preprocessing import Crop

CANCELLED = "Cancelled before it ran."


@transaction.atomic
def queue_predictions(
    *,
    owner: User,
    image: ImageUpload,
    trained_models: Sequence[TrainedModel],
    crop: Crop = Crop.AUTO,
) -> list[Prediction]:
    """Queue one prediction per model for an image that is already stored.

    Raises ImageUpload.DoesNotExist when it was deleted meanwhile, and quotas.QuotaExceeded or
    quotas.BeyondLimit.
    """
    quotas.check_submission(owner, predictions=len(trained_models), byte_size=0)
    ImageUpload.objects.select_for_update(no_key=True).get(pk=image.pk)
    return queue(owner=owner, images=[image], trained_models=trained_models, crop=crop)


def queue(
    *,
    owner: User,
    images: Sequence[ImageUpload],
    trained_models: Sequence[TrainedModel],
    crop: Crop,
    batch: Batch | None = None,
) -> list[Prediction]:
    """Add a prediction for each image and model behind what the person has waiting.

    Belongs into the transaction that stores the images.
    """
    turn = Prediction.objects.next_turn(owner)
    pairs = [(image, model) for image in images for model in trained_models]
    predictions = [
        Prediction(
            owner=owner,
            project_id=batch.project_id if batch else None,
            image=image,
            trained_model=model,
            crop=crop,
            batch=batch,
            turn=turn + number,
        )
        for number, (image, model) in enumerate(pairs)
    ]
    Prediction.objects.bulk_create(predictions)
    forward_passes = -(-len(images) // settings.PREDICTION_BATCH_SIZE)
    for model in trained_models:
        ring_on_commit(model, times=forward_passes)
    return predictions


@transaction.atomic
def run_again(*, owner: User, predictions: PredictionQuerySet, trained_model: TrainedModel) -> int:
    """Queue the images of some results for a model, each in the crop and batch that it had.

    Only images of the person's own; a batch that is signed is left as it is. Returns how many
    predictions were queued. Raises quotas.QuotaExceeded and quotas.BeyondLimit.
    """
    own = predictions.kept().filter(image__owner=owner).select_related("image", "batch")
    rows = {(row.image_id, row.crop): row for row in own.order_by("created_at")}
    quotas.check_again(owner, predictions=len(rows), byte_size=0)
    turn = Prediction.objects.next_turn(owner)
    queued = [
        Prediction(
            owner=owner,
            image=row.image,
            trained_model=trained_model,
            crop=row.crop,
            batch=row.batch if row.batch and not row.batch.is_signed else None,
            project_id=row.project_id if row.batch and not row.batch.is_signed else None,
            turn=turn + number,
        )
        for number, row in enumerate(rows.values())
    ]
    Prediction.objects.bulk_create(queued)
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
