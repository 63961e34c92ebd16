"""Images of which a person knows the class: what models are validated on and adapted to."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone

from classifier.models.access import may
from classifier.models.batches import CROP_CHOICES, Assignment, Batch
from classifier.models.images import ImageUpload
from classifier.models.projects import Project
from classifier.models.vocabulary import Role
from classifier.preprocessing import Crop


class LabelledSetQuerySet(models.QuerySet["LabelledSet"]):
    def of(self, user: User | AnonymousUser) -> Self:
        """Own ones and those of own projects, but for labels of what one is to read blindly."""
        shared = Q(project__in=Project.objects.of(user).values("pk"))
        blind = Q(batch__in=Assignment.objects.hiding_from(user).values("batch"))
        return self.filter(Q(owner_id=user.pk) | (shared & ~(Q(batch__isnull=False) & blind)))

    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.all() if may(user, "view", self.model) else self.of(user)

    def listed_for(self, user: User | AnonymousUser, project: Project | None = None) -> Self:
        """Own ones, or those of a project that one sees."""
        if project is not None:
            return self.visible_to(user).filter(project=project)
        return self.filter(owner_id=user.pk)

    def with_size(self) -> Self:
        """With `size`, the number of images of each."""
        return self.annotate(size=Count("images"))


class LabelledSet(models.Model):
    """Labelled images of one kind, brought together by a person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="labelled_sets",
        db_index=False,
    )
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="labelled_sets"
    )
    batch = models.ForeignKey(
        Batch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="labelled_sets",
        help_text="Whose reviews its labels come from, where they come from reviews.",
    )
    dataset = models.CharField(
        max_length=40, help_text="Slug of the dataset whose kind of image these are."
    )
    name = models.CharField(max_length=120)
    crop = models.CharField(max_length=6, choices=CROP_CHOICES, default=Crop.AUTO.value)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When a person said which class each name stands for; until then images come in.",
    )
    rejected = models.JSONField(
        default=list, help_text="Files that were sent with it and not taken: filename and reason."
    )

    objects = LabelledSetQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            # The list of one's own sets, newest first.
            models.Index(fields=["owner", "-created_at"], name="labelled_set_own_newest"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="labelled_set_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    def role_of(self, user: User | AnonymousUser) -> Role | None:
        """What a person may do with it: as its owner, or by their part in its project."""
        if self.owner_id == user.pk:
            return Role.OWNER
        return self.project.role_of(user) if self.project else None

    @transaction.atomic
    def delete_with_images(self) -> None:
        """Delete it, and those of its images that nothing else uses, with their files."""
        keys = list(self.images.values_list("image_id", flat=True))
        self.delete()
        for image in ImageUpload.objects.filter(pk__in=keys).unused():
            image.delete()


class LabelledImageQuerySet(models.QuerySet["LabelledImage"]):
    def in_order(self) -> Self:
        """As they were brought."""
        return self.order_by("pk")

    def doubtful(self) -> Self:
        """Those whose label may be wrong, as long as nobody has settled it."""
        return self.exclude(suspected_label="").filter(settled_at=None)

    def class_counts(self, field: str = "label") -> dict[str, int]:
        """How many images each class has, by name. `field` is label, or given_label."""
        rows = self.order_by(field).values_list(field).annotate(number=Count("pk"))
        return dict(rows)


class LabelledImage(models.Model):
    """An image with the class that a person says it shows."""

    labelled_set = models.ForeignKey(
        LabelledSet, on_delete=models.CASCADE, related_name="images", db_index=False
    )
    image = models.ForeignKey(ImageUpload, on_delete=models.CASCADE, related_name="labelled_images")
    key = models.CharField(
        max_length=64, help_text="SHA-256 of path and content: sent again, a file is not doubled."
    )
    given_label = models.CharField(
        max_length=80, help_text="The class as its folder, table or reviewer called it."
    )
    label = models.CharField(max_length=80, help_text="The class that it counts as.")
    group = models.CharField(
        max_length=120, blank=True, help_text="Patient, slide or case: these belong together."
    )
    path = models.CharField(max_length=1024, help_text="Where it lay in what was sent.")
    cluster = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Shared by images of one group and by near-duplicates; null until found.",
    )
    suspected_label = models.CharField(
        max_length=80, blank=True, help_text="What others like it are called, where that differs."
    )
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person decided about the suspected label."
    )

    objects = LabelledImageQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes: ClassVar = [
            # Images of one class, and the counts of all.
            models.Index(fields=["labelled_set", "label"], name="labelled_image_class"),
        ]
        constraints: ClassVar = [
            # Of two requests that bring the same file at once, one stores it.
            models.UniqueConstraint(fields=["labelled_set", "key"], name="labelled_image_once"),
            models.CheckConstraint(
                name="labelled_image_has_a_label",
                condition=~Q(label="") & ~Q(given_label=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.path} · {self.label}"
