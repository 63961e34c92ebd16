"""Deleting, at once or by way of the trash."""

from django.db import transaction

from classifier.models import ImageUpload, Prediction


@transaction.atomic
def delete_prediction(*, prediction: Prediction) -> None:
    """Delete a prediction for good, and its image with the files once nothing else uses it."""
    image = ImageUpload.objects.select_for_update().filter(pk=prediction.image_id).first()
    if image is None:
        # Another tab was faster, and the prediction went with the image.
        return
    prediction.delete()
    if not image.predictions.exists():
        image.delete()
