"""What the database keeps."""

from classifier.models.access import may
from classifier.models.batches import CROP_CHOICES, Assignment, Batch, BatchFile, SignOff
from classifier.models.idempotency import IdempotencyKey
from classifier.models.images import ImageUpload, upload_path
from classifier.models.prediction_querysets import PredictionQuerySet, Progress
from classifier.models.predictions import ArrayLength, Prediction
from classifier.models.projects import Membership, Project
from classifier.models.reviews import Review
from classifier.models.saved_views import SavedView
from classifier.models.tokens import ApiToken, token_digest
from classifier.models.trained import TrainedModel, TrainedModelQuerySet
from classifier.models.usage import Usage
from classifier.models.vocabulary import (
    CANNOT_TELL,
    NONE_OF_THESE,
    UNDECIDED,
    UNLIKE_TRAINING,
    BoxOrigin,
    Certainty,
    ReviewState,
    Role,
    Status,
)

__all__ = [
    "CANNOT_TELL",
    "CROP_CHOICES",
    "NONE_OF_THESE",
    "UNDECIDED",
    "UNLIKE_TRAINING",
    "ApiToken",
    "ArrayLength",
    "Assignment",
    "Batch",
    "BatchFile",
    "BoxOrigin",
    "Certainty",
    "IdempotencyKey",
    "ImageUpload",
    "Membership",
    "Prediction",
    "PredictionQuerySet",
    "Progress",
    "Project",
    "Review",
    "ReviewState",
    "Role",
    "SavedView",
    "SignOff",
    "Status",
    "TrainedModel",
    "TrainedModelQuerySet",
    "Usage",
    "may",
    "token_digest",
    "upload_path",
]
