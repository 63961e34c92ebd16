"""Images that belong together: sent at once or piece by piece, read, and signed off."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Prefetch, Q
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from classifier.models.access import may
from classifier.models.expressions import ArrayLength
from classifier.models.images import ImageUpload
from classifier.models.projects import Project
from classifier.models.trained import TrainedModel
from classifier.models.vocabulary import Role
from classifier.preprocessing import Crop

ALL_CROPS = [(crop.value, crop.label) for crop in Crop]
CROP_CHOICES = [(crop.value, crop.label) for crop in Crop if not crop.needs_boxes]


class BatchQuerySet(models.QuerySet["Batch"]):
    def kept(self) -> Self:
        """All but what lies in the trash."""
        return self.filter(deleted_at__isnull=True)

    def owned_by(self, user: User | AnonymousUser) -> Self:
        return self.kept().filter(owner_id=user.pk)

    def with_relations(self) -> Self:
        slugs = Prefetch("trained_models", TrainedModel.objects.only("slug", "title", "dataset"))
        return self.select_related("signed_by").prefetch_related(slugs)

    def listed_for(self, user: User | AnonymousUser, project: Project | None = None) -> Self:
        """One's own, or those of a project that one sees; staff who look after them see all."""
        if project is not None:
            return self.visible_to(user).filter(project=project)
        return self.kept() if may(user, "view", self.model) else self.owned_by(user)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own and those of one's projects, but for what one is still to read blindly."""
        if may(user, "view", self.model):
            return self.kept()
        shared = self.model.objects.shared_with(user).values("pk")
        return self.kept().filter(Q(owner_id=user.pk) | Q(pk__in=shared))

    def shared_with(self, user: User | AnonymousUser) -> Self:
        """Others' in one's projects, but for what one is still to read blindly."""
        blind = Assignment.objects.hiding_from(user).values("batch")
        shared = self.kept().filter(project__in=Project.objects.of(user).values("pk"))
        return shared.exclude(owner_id=user.pk).exclude(pk__in=blind)


class Batch(models.Model):
    """Several images that a person sent; its predictions point to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="batches", db_index=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="batches"
    )
    name = models.CharField(max_length=120, blank=True)
    # What its images run through, those that are added later as well.
    trained_models = models.ManyToManyField(TrainedModel, related_name="+")
    crop = models.CharField(max_length=6, choices=ALL_CROPS, default=Crop.AUTO.value)
    labels = models.JSONField(
        null=True, blank=True, help_text="Classes that are possible; null for all of the models."
    )
    platelets = models.BooleanField(
        default=False, help_text="Whether platelets are looked for among the cells of a field."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(
        null=True, blank=True, default=timezone.now, help_text="Until then images can be added."
    )
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    signed_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on its reviews are locked."
    )
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="When it went to the trash.")
    rejected = models.JSONField(
        default=list, help_text="Files that were sent with it and not taken: filename and reason."
    )

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "batches"
        indexes: ClassVar = [
            # The lists of one's own batches, newest first.
            models.Index(fields=["owner", "-created_at"], name="batch_own_newest"),
            # The same of a project.
            models.Index(
                fields=["project", "-created_at", "-id"],
                condition=Q(project__isnull=False),
                name="batch_project_newest",
            ),
            # The administrator's list of everyone's.
            models.Index(fields=["-created_at", "-id"], name="batch_newest"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="batch_signature_has_a_time",
                condition=Q(signed_by__isnull=True) | Q(signed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="batch_is_closed_before_it_is_signed",
                condition=Q(signed_at__isnull=True) | Q(closed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="batch_labels_are_a_choice",
                condition=Q(labels__isnull=True) | Q(GreaterThan(ArrayLength("labels"), 1)),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        """Whether images can still be added."""
        return self.closed_at is None

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None

    def role_of(self, user: User | AnonymousUser) -> Role | None:
        """What a person may do with it: as its owner, or by their part in its project."""
        if self.owner_id == user.pk:
            return Role.OWNER
        return self.project.role_of(user) if self.project else None


class BatchFile(models.Model):
    """A file that was sent for a batch, which makes sending it again do nothing."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="files", db_index=False)
    key = models.CharField(
        max_length=64, help_text="The sender's own key, or SHA-256 of path and content."
    )
    image = models.ForeignKey(ImageUpload, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was not taken.")

    class Meta:
        constraints: ClassVar = [
            # Of two requests that bring the same file at once, one stores it.
            models.UniqueConstraint(fields=["batch", "key"], name="batch_file_once"),
            models.CheckConstraint(
                name="batch_file_is_taken_or_not",
                condition=Q(image__isnull=True) | Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return self.key


class SignOff(models.Model):
    """A step in the life of a signed batch; never changed."""

    class Action(models.TextChoices):
        SIGNED = "signed", "Signed"
        REOPENED = "reopened", "Reopened"

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="sign_offs")
    action = models.CharField(max_length=8, choices=Action)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reason = models.CharField(max_length=1000, blank=True)
    counts = models.JSONField(default=dict, help_text="Images in each group when it was signed.")
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar = [
            models.CheckConstraint(
                name="reopening_has_a_reason",
                condition=~Q(action="reopened") | ~Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} · {self.made_at:%Y-%m-%d %H:%M}"


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def current(self) -> Self:
        return self.filter(ended_at__isnull=True)

    def hiding_from(self, user: User | AnonymousUser) -> Self:
        """Those on whose account a person is not to see what the model said."""
        return self.current().filter(reader_id=user.pk)


class Assignment(models.Model):
    """A batch that a person reads without knowing what the model said, until it is ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="assignments")
    # What readers said is kept when their account goes.
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="assignments"
    )
    given_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When the reader was done, or was taken off."
    )

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ("given_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["batch", "reader"],
                condition=Q(ended_at__isnull=True),
                name="assignment_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch} · {self.reader}"
