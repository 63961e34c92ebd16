"""The request side: everything that a page, the API or the admin does to images and predictions.

Each function is one transaction. Work is queued only when that has been committed, so that a worker
never looks for a row which is not there yet.
"""

import uuid
from collections.abc import Sequence
from functools import partial

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction

from classifier import uploads
from classifier.models import ImageUpload, Prediction, Status, TrainedModel
from classifier.registry import Crop
from classifier.tasks import ring


def submit_predictions(
    *,
    owner: User,
    picture: uploads.UploadedPicture,
    trained_models: Sequence[TrainedModel],
    crop: Crop = Crop.AUTO,
    is_synthetic: bool = False,
) -> list[Prediction]:
    """Store an image and queue one prediction per model; both or neither."""
    image = _build_image(owner, picture, is_synthetic)
    try:
        with transaction.atomic():
            image.save()
            return predict_image(image=image, trained_models=trained_models, crop=crop)
    except BaseException:
        image.file.delete(save=False)
        image.thumbnail.delete(save=False)
        raise


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
        is_synthetic=is_synthetic,
    )
    image.file.save("image.png", ContentFile(uploads.encode(picture)), save=False)
    image.thumbnail.save("thumbnail.png", ContentFile(uploads.thumbnail(picture)), save=False)
    return image


@transaction.atomic
def predict_image(
    *, image: ImageUpload, trained_models: Sequence[TrainedModel], crop: Crop = Crop.AUTO
) -> list[Prediction]:
    """Queue one prediction per model for an image that is already stored."""
    predictions = [
        Prediction(image=image, trained_model=trained_model, crop=crop)
        for trained_model in trained_models
    ]
    Prediction.objects.bulk_create(predictions)
    for trained_model in trained_models:
        transaction.on_commit(partial(ring, trained_model.slug))
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
        transaction.on_commit(partial(ring, prediction.trained_model.slug))
    return bool(reset)


@transaction.atomic
def delete_prediction(*, prediction: Prediction) -> None:
    """Delete a prediction, and its image with the files once no other prediction uses it."""
    image = ImageUpload.objects.select_for_update().get(pk=prediction.image_id)
    prediction.delete()
    if not image.predictions.exists():
        image.delete()
