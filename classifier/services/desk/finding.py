"""Finding predictions and images of everyone by what indexes hold."""

import uuid
from typing import Final

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from classifier.models import ImageUpload, Prediction

# Of files whose names begin alike, the newest are found.
MOST_FILES: Final = 1_000


def matching(predictions: QuerySet[Prediction], text: str) -> QuerySet[Prediction]:
    """By the id of prediction, image or batch, a person's name, or the start of a file name."""
    if not text:
        return predictions
    if key := _key(text):
        return predictions.filter(Q(pk=key) | Q(image=key) | Q(batch=key))
    # Looked up first: joined, a planner would rather read all predictions, newest first.
    images = ImageUpload.objects.named(text).values_list("pk", flat=True)
    people = User.objects.filter(username=text).values_list("pk", flat=True)
    return predictions.filter(Q(image__in=list(images[:MOST_FILES])) | Q(owner__in=list(people)))


def matching_images(images: QuerySet[ImageUpload], text: str) -> QuerySet[ImageUpload]:
    """By id, a person's name, or the start of a file name."""
    if not text:
        return images
    if key := _key(text):
        return images.filter(pk=key)
    named = ImageUpload.objects.named(text).values_list("pk", flat=True)
    people = User.objects.filter(username=text).values_list("pk", flat=True)
    return images.filter(Q(pk__in=list(named[:MOST_FILES])) | Q(owner__in=list(people)))


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
