"""What the database keeps: models, images, predictions and API tokens."""

import hashlib
import secrets
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from classifier import registry
from classifier.registry import Crop


class TrainedModelQuerySet(models.QuerySet["TrainedModel"]):
    def active(self) -> Self:
        """Models that may be chosen: present on disk and not switched off."""
        return self.filter(is_active=True, is_installed=True)

    def in_display_order(self) -> Self:
        """Grouped by what they look at, the recommended one first in its group."""
        return self.order_by("dataset", "-is_recommended", "title")


class TrainedModel(models.Model):
    """A bundle under models/ as it was when the bundles were last loaded."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=120)
    version = models.PositiveIntegerField()
    dataset = models.CharField(max_length=40)
    architecture = models.CharField(max_length=80)
    sha256 = models.CharField("SHA-256 of the weights", max_length=64)
    is_recommended = models.BooleanField(
        "recommended", default=False, help_text="The choice that the form starts with."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switch off to take the model out of every form."
    )
    is_installed = models.BooleanField(
        "installed", default=True, help_text="Its bundle was found and verified on disk."
    )
    metadata = models.JSONField(help_text="metadata.json of the bundle")
    evaluation = models.JSONField(
        null=True, blank=True, help_text="evaluation.json of the bundle, where there is one"
    )

    objects = TrainedModelQuerySet.as_manager()

    class Meta:
        ordering = ("dataset", "title")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("web:model", args=[self.slug])

    @property
    def dataset_info(self) -> registry.Dataset:
        return registry.datasets()[self.dataset]

    @property
    def input_size(self) -> int:
        """Side of the square that the network sees, in pixels."""
        return int(self.metadata["input"]["size"])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return int(self.metadata["input"]["channels"])


def upload_path(image: "ImageUpload", filename: str) -> str:
    """Drawn from the key alone: nothing of what the person called the file reaches the disk."""
    return f"images/{image.pk}{Path(filename).suffix}"


class ImageUploadQuerySet(models.QuerySet["ImageUpload"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.all() if getattr(user, "is_staff", False) else self.filter(owner_id=user.pk)


class ImageUpload(models.Model):
    """An image as a person sent it, turned upright, without its metadata, stored as PNG."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="image_uploads"
    )
    file = models.FileField(upload_to=upload_path)
    thumbnail = models.FileField(upload_to=upload_path)
    original_filename = models.CharField(max_length=255)
    format = models.CharField(max_length=8, help_text="The file format as it was sent.")
    byte_size = models.PositiveIntegerField("size in bytes")
    sha256 = models.CharField("SHA-256 of the file as it was sent", max_length=64)
    width = models.PositiveIntegerField(help_text="In pixels, upright.")
    height = models.PositiveIntegerField(help_text="In pixels, upright.")
    is_synthetic = models.BooleanField(
        "synthetic", default=False, help_text="One of the drawn samples, not a photograph."
    )
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ImageUploadQuerySet.as_manager()

    class Meta:
        ordering = ("-uploaded_at",)

    def __str__(self) -> str:
        return self.original_filename


@receiver(post_delete, sender=ImageUpload)
def delete_files(sender: type[ImageUpload], instance: ImageUpload, **kwargs: Any) -> None:
    """However the row goes (a page, the admin, a deleted account), its files go with it."""
    for file in (instance.file, instance.thumbnail):
        transaction.on_commit(partial(file.delete, save=False))


class Status(models.TextChoices):
    """Celery's vocabulary with words for people."""

    PENDING = "PENDING", "Queued"
    STARTED = "STARTED", "Running"
    SUCCESS = "SUCCESS", "Succeeded"
    FAILURE = "FAILURE", "Failed"


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def owned_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(image__owner_id=user.pk)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Everyone sees their own, staff see all."""
        return self.all() if getattr(user, "is_staff", False) else self.owned_by(user)

    def with_relations(self) -> Self:
        return self.select_related("image", "trained_model")

    def unfinished(self) -> Self:
        return self.filter(status__in=(Status.PENDING, Status.STARTED))

    def overdue(self) -> Self:
        """Started so long ago that the process which claimed them cannot be alive."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        return self.filter(status=Status.STARTED, started_at__lt=limit)

    def claimable(self, claim: str = "") -> Self:
        """Waiting, left behind by a dead process, or already this claim's own."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        started = Q(started_at__lt=limit) | (Q(claim=claim) & ~Q(claim=""))
        return self.filter(
            Q(status=Status.PENDING) | Q(Q(status=Status.STARTED) & started),
            attempts__lt=settings.PREDICTION_MAX_ATTEMPTS,
        )

    def claim_batch(self, trained_model: TrainedModel, claim: str) -> list["Prediction"]:
        """Take the oldest waiting predictions of a model, as many as fit into one batch.

        A prediction that was tried before is taken alone: should its image be what kills the
        process, it then takes no other with it. The UPDATE repeats the condition of the SELECT, so
        of two workers that chose the same row one gets it.
        """
        waiting = self.claimable(claim).filter(trained_model=trained_model)
        waiting = waiting.order_by("-attempts", "created_at")
        first = waiting.first()
        if first is None:
            return []
        batch_size = 1 if first.attempts else settings.PREDICTION_BATCH_SIZE
        keys = list(waiting.values_list("pk", flat=True)[:batch_size])
        self.claimable(claim).filter(pk__in=keys).update(
            status=Status.STARTED,
            claim=claim,
            started_at=timezone.now(),
            attempts=F("attempts") + 1,
        )
        taken = self.filter(pk__in=keys, status=Status.STARTED, claim=claim)
        return list(taken.with_relations().order_by("created_at"))

    def exhausted(self) -> Self:
        """Overdue, with every attempt used up."""
        return self.overdue().filter(attempts__gte=settings.PREDICTION_MAX_ATTEMPTS)


class Prediction(models.Model):
    """One model's answer about one image, from the queue to the result."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image = models.ForeignKey(ImageUpload, on_delete=models.CASCADE, related_name="predictions")
    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.PROTECT, related_name="predictions"
    )
    crop = models.CharField(
        max_length=6,
        choices=[(crop.value, crop.value.title()) for crop in Crop],
        default=Crop.AUTO.value,
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(
        max_length=64, blank=True, help_text="Id of the Celery task that took it up last."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    model_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Version of the model that answered."
    )
    predicted_label = models.CharField("predicted class", max_length=80, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    # A list of [label, probability] in class order: JSON objects lose their order on PostgreSQL.
    probabilities = models.JSONField(null=True, blank=True)
    error_message = models.CharField(max_length=300, blank=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            # History and the API's list: newest first.
            models.Index(fields=["-created_at"], name="prediction_newest"),
            # claim_batch, exhausted, queue_position: what is unfinished, so it stays small.
            models.Index(
                fields=["trained_model", "-attempts", "created_at"],
                condition=Q(status__in=["PENDING", "STARTED"]),
                name="prediction_unfinished",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="prediction_success_has_result",
                condition=~Q(status="SUCCESS")
                | (
                    ~Q(predicted_label="")
                    & Q(
                        probabilities__isnull=False,
                        confidence__isnull=False,
                        model_version__isnull=False,
                        finished_at__isnull=False,
                    )
                ),
            ),
            models.CheckConstraint(
                name="prediction_failure_has_message",
                condition=~Q(status="FAILURE")
                | (~Q(error_message="") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="prediction_confidence_is_probability",
                condition=Q(confidence__isnull=True) | Q(confidence__gte=0.0, confidence__lte=1.0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} · {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("web:prediction", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.SUCCESS, Status.FAILURE}

    @property
    def queue_position(self) -> int:
        """1 for the next in line; the whole queue counts, since models share the workers."""
        ahead = Prediction.objects.filter(status=Status.PENDING, created_at__lt=self.created_at)
        return int(ahead.count()) + 1

    @property
    def ranked_probabilities(self) -> list[tuple[str, float]]:
        """Classes with their probabilities, in the order of the model's classes."""
        return [(label, probability) for label, probability in self.probabilities or ()]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def issue(self, user: User, *, name: str) -> tuple["ApiToken", str]:
        """Make a token; the second value is its secret, which only the caller ever sees."""
        secret = secrets.token_urlsafe(32)
        return self.create(user=user, name=name, digest=token_digest(secret)), secret


def token_digest(secret: str) -> str:
    """SHA-256 is enough here: the secret is 256 random bits, which no dictionary holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiToken(models.Model):
    """A key for programs. Only its digest is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name
