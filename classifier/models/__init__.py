"""What the database keeps."""

from classifier.models.images import ImageUpload, upload_path
from classifier.models.predictions import Prediction, PredictionQuerySet, Status
from classifier.models.tokens import ApiToken, token_digest
from classifier.models.trained import TrainedModel, TrainedModelQuerySet

__all__ = [
    "ApiToken",
    "ImageUpload",
    "Prediction",
    "PredictionQuerySet",
    "Status",
    "TrainedModel",
    "TrainedModelQuerySet",
    "token_digest",
    "upload_path",
]
