"""The models that can be chosen, as the bundles on disk describe them."""

from functools import cached_property
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from pydantic import ValidationError

from classifier.bundles.schema import Evaluation, Metadata
from classifier.datasets import Dataset, datasets
from classifier.models.access import may
from classifier.models.projects import Project


class TrainedModelQuerySet(models.QuerySet["TrainedModel"]):
    def active(self) -> Self:
        """Models that may be chosen: present on disk and not switched off."""
        return self.filter(is_active=True, is_installed=True)

    def undescribed(self) -> Self:
        """Without the long descriptions, for who needs to know which models they are."""
        return self.defer("metadata", "evaluation")

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those that are offered to all, one's own, and those of one's projects."""
        if user.is_anonymous:
            return self.filter(is_offered=True)
        if may(user, "view", self.model):
            return self.all()
        own = Q(owner=user.pk) | Q(project__in=Project.objects.of(user).values("pk"))
        return self.filter(Q(is_offered=True) | own)

    def choosable_by(self, user: User | AnonymousUser) -> Self:
        """Active models that a person sees."""
        return self.active().visible_to(user)

    def in_display_order(self) -> Self:
        """Grouped by what they look at, the recommended one first in its group."""
        return self.order_by("dataset", "-is_recommended", "title")

    def recommend_chosen(self) -> None:
        """Let an administrator's choice for a kind of image stand before what bundles say."""
        chosen = self.filter(is_chosen=True)
        of_chosen = self.filter(dataset__in=list(chosen.values_list("dataset", flat=True)))
        of_chosen.update(is_recommended=F("is_chosen"))


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
    is_chosen = models.BooleanField(
        "chosen as default",
        default=False,
        help_text="An administrator made it the one that the form starts with for its images.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switch off to take the model out of every form."
    )
    is_installed = models.BooleanField(
        "installed", default=True, help_text="Its bundle was found and verified on disk."
    )
    is_offered = models.BooleanField(
        "offered to all",
        default=True,
        help_text="Otherwise only its owner and the people of its project see and choose it.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="trained_models",
        help_text="Who had it adapted; nobody for a shipped model.",
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="trained_models",
        help_text="Whose people may choose it as well.",
    )
    metadata = models.JSONField(help_text="metadata.json of the bundle")
    evaluation = models.JSONField(
        null=True, blank=True, help_text="evaluation.json of the bundle, where there is one"
    )

    objects = TrainedModelQuerySet.as_manager()

    class Meta:
        ordering = ("dataset", "title")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=Q(is_chosen=True),
                name="one_chosen_model_of_a_dataset",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("web:model", args=[self.slug])

    @property
    def dataset_info(self) -> Dataset:
        return datasets()[self.dataset]

    @cached_property
    def described(self) -> Metadata:
        """`metadata` as the bundle's type."""
        return Metadata.model_validate(self.metadata)

    @cached_property
    def measured(self) -> Evaluation | None:
        """`evaluation` as the bundle's type."""
        return Evaluation.model_validate(self.evaluation) if self.evaluation else None

    @property
    def has_limits(self) -> bool:
        """Whether it recognises what is unlike its training data."""
        return self.described.uncertainty is not None

    @property
    def input_size(self) -> int:
        """Side of the square that the network sees, in pixels."""
        return self.described.input.size

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.described.input.channels


class ModelVersion(models.Model):
    """A version of a model as its bundle described it when it was first loaded here.

    The next version takes its place in `TrainedModel`; predictions go on to name the one that
    made them.
    """

    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.CASCADE, related_name="versions", db_index=False
    )
    version = models.PositiveIntegerField()
    sha256 = models.CharField("SHA-256 of the weights", max_length=64)
    evaluation = models.JSONField(null=True, blank=True)
    loaded_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("trained_model", "-version")
        constraints: ClassVar = [
            # The versions of a model, each once.
            models.UniqueConstraint(fields=["trained_model", "version"], name="model_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.trained_model}, version {self.version}"

    @cached_property
    def measured(self) -> Evaluation | None:
        """`evaluation` as the bundle's type; None also where an earlier release wrote it."""
        try:
            return Evaluation.model_validate(self.evaluation) if self.evaluation else None
        except ValidationError:
            return None
