"""Words that rows are described with; each has one place, so that pages and programs agree."""

from typing import Final

from django.db import models

# What a reader may say beside the classes of a model.
NONE_OF_THESE: Final = "none of these"
CANNOT_TELL: Final = "cannot tell"
WORDS_BESIDE_CLASSES: Final = (NONE_OF_THESE, CANNOT_TELL)

# Groups of a gallery beside the classes.
UNLIKE_TRAINING: Final = "unlike the training data"
UNDECIDED: Final = "undecided"


class Status(models.TextChoices):
    """Celery's vocabulary with words for people."""

    PENDING = "PENDING", "Queued"
    STARTED = "STARTED", "Running"
    SUCCESS = "SUCCESS", "Succeeded"
    FAILURE = "FAILURE", "Failed"


class Certainty(models.TextChoices):
    """What a model's limits say of its own answer; nothing, where it has none or no answer yet."""

    UNKNOWN = "", "Not known"
    ACCEPTED = "accepted", "Accepted"
    UNDECIDED = "undecided", "Undecided"
    UNUSUAL = "unusual", "Unusual"
    UNLIKE = "unlike", "Unlike the training data"


class LimitsStep(models.TextChoices):
    """How near an image is to the training data of a model that knows its limits."""

    UNKNOWN = "", "Not known"
    ACCEPTED = "accepted", "Like the training data"
    UNUSUAL = "unusual", "Unusual"
    UNLIKE = "unlike", "Unlike the training data"


class ReviewState(models.TextChoices):
    """What people made of a model's answer."""

    UNREVIEWED = "unreviewed", "Not reviewed"
    CONFIRMED = "confirmed", "Confirmed"
    CORRECTED = "corrected", "Corrected"
    UNCLEAR = "unclear", "Cannot tell"


class Role(models.TextChoices):
    """What a person may do in a project; each may also do what stands below it."""

    OWNER = "owner", "Owner"
    READER = "reader", "Reader"
    VIEWER = "viewer", "Viewer"


class BoxOrigin(models.TextChoices):
    """How what the model saw was chosen, where it is a box and not what the crop says."""

    FOUND = "found", "Found"
    CENTER = "center", "The middle, since none was found"
    GIVEN = "given", "Given"
