"""What the database keeps."""

from classifier.models.access import may
from classifier.models.batches import Batch
from classifier.models.idempotency import IdempotencyKey
from classifier.models.images import ImageUpload, upload_path
from classifier.models.predictions import (
    CROP_CHOICES,
    Prediction,
    PredictionQuerySet,
    Progress,
    Status,
)
from classifier.models.tokens import ApiToken, token_digest
from classifier.models.trained import TrainedModel, TrainedModelQuerySet
from classifier.models.usage import Usage

__all__ = [
    "CROP_CHOICES",
    "ApiToken",
    "Batch",
    "IdempotencyKey",
    "ImageUpload",
    "Prediction",
    "PredictionQuerySet",
    "Progress",
    "Status",
    "TrainedModel",
    "TrainedModelQuerySet",
    "Usage",
    "may",
    "token_digest",
    "upload_path",
]
