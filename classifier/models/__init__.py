"""What the database keeps."""

from classifier.models.access import may
from classifier.models.adaptations import Adaptation, ModelImport
from classifier.models.audit import AuditEvent, AuditSeal
from classifier.models.batches import ALL_CROPS, CROP_CHOICES, Assignment, Batch, BatchFile, SignOff
from classifier.models.explanations import Explanation, ExplanationQuerySet, Method
from classifier.models.expressions import ArrayLength
from classifier.models.idempotency import IdempotencyKey
from classifier.models.images import ImageUpload, upload_path
from classifier.models.invitations import Invitation
from classifier.models.labelled_sets import LabelledImage, LabelledImageQuerySet, LabelledSet
from classifier.models.limits import PersonLimits
from classifier.models.notifications import (
    BACKOFF,
    Alarm,
    Event,
    MailChoice,
    Webhook,
    WebhookDelivery,
)
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
from classifier.models.watching import Watch, WatchLook
from classifier.models.work import Work, WorkQuerySet

__all__ = [
    "ALL_CROPS",
    "BACKOFF",
    "CANNOT_TELL",
    "CROP_CHOICES",
    "NONE_OF_THESE",
    "UNDECIDED",
    "UNLIKE_TRAINING",
    "Adaptation",
    "Alarm",
    "ApiToken",
    "ArrayLength",
    "Assignment",
    "AuditEvent",
    "AuditSeal",
    "Batch",
    "BatchFile",
    "BoxOrigin",
    "Certainty",
    "Event",
    "Explanation",
    "ExplanationQuerySet",
    "IdempotencyKey",
    "ImageUpload",
    "Invitation",
    "LabelledImage",
    "LabelledImageQuerySet",
    "LabelledSet",
    "LimitsStep",
    "MailChoice",
    "Membership",
    "Method",
    "ModelImport",
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
    "Watch",
    "WatchLook",
    "Webhook",
    "WebhookDelivery",
    "Work",
    "WorkQuerySet",
    "may",
    "token_digest",
    "upload_path",
]
