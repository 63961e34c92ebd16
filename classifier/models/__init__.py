"""What the database keeps."""

from classifier.models.access import may
from classifier.models.audit import AuditEvent, AuditSeal
from classifier.models.batches import ALL_CROPS, CROP_CHOICES, Assignment, Batch, BatchFile, SignOff
from classifier.models.explanations import Explanation, ExplanationQuerySet, Method
from classifier.models.expressions import ArrayLength
from classifier.models.idempotency import IdempotencyKey
from classifier.models.images import ImageUpload, upload_path
from classifier.models.labelled_sets import LabelledImage, LabelledSet
from classifier.models.limits import PersonLimits
from classifier.models.prediction_querysets import PredictionQuerySet, Progress
from classifier.models.predictions import Prediction
from classifier.models.projects import Membership, Project
from classifier.models.reviews import Review
from classifier.models.saved_views import SavedView
from classifier.models.tokens import ApiToken, token_digest
from classifier.models.trained import ModelVersion, TrainedModel, TrainedModelQuerySet
from classifier.models.usage import Usage
from classifier.models.validations import Validation, ValidationAnswer
from classifier.models.vocabulary import (
    CANNOT_TELL,
    NONE_OF_THESE,
    UNDECIDED,
    UNLIKE_TRAINING,
    BoxOrigin,
    Certainty,
    LimitsStep,
    ReviewState,
    Role,
    Status,
)

__all__ = [
    "ALL_CROPS",
    "CANNOT_TELL",
    "CROP_CHOICES",
    "NONE_OF_THESE",
    "UNDECIDED",
    "UNLIKE_TRAINING",
    "ApiToken",
    "ArrayLength",
    "Assignment",
    "AuditEvent",
    "AuditSeal",
    "Batch",
    "BatchFile",
    "BoxOrigin",
    "Certainty",
    "Explanation",
    "ExplanationQuerySet",
    "IdempotencyKey",
    "ImageUpload",
    "LabelledImage",
    "LabelledSet",
    "LimitsStep",
    "Membership",
    "Method",
    "ModelVersion",
    "PersonLimits",
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
    "Validation",
    "ValidationAnswer",
    "may",
    "token_digest",
    "upload_path",
]
