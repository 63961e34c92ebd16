"""A model that is fitted to a labelled set, from the queue to a model of one's own."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q

from classifier.bundles import schema
from classifier.models.access import may
from classifier.models.images import ImageUpload
from classifier.models.labelled_sets import LabelledSet
from classifier.models.projects import Project
from classifier.models.trained import TrainedModel
from classifier.models.vocabulary import Role
from classifier.models.work import Work, WorkQuerySet


class AdaptationQuerySet(WorkQuerySet["Adaptation"]):
    def of(self, user: User | AnonymousUser) -> Self:
        """Own ones and those of own projects."""
        shared = Q(project__in=Project.objects.of(user).values("pk"))
        return self.filter(Q(owner_id=user.pk) | shared)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.all() if may(user, "view", self.model) else self.of(user)

    def with_relations(self) -> Self:
        return self.select_related("labelled_set", "trained_model", "adapted_model", "project")


class Adaptation(Work):
    """One model fitted to one labelled set.

    The set may go, and images of it: what was made of them stays until somebody deletes that too.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="adaptations",
        db_index=False,
    )  # fmt: skip
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="adaptations"
    )
    labelled_set = models.ForeignKey(
        LabelledSet, on_delete=models.SET_NULL, null=True, related_name="adaptations"
    )
    images = models.ManyToManyField(
        ImageUpload, related_name="adaptations", help_text="What the model is fitted to."
    )
    trained_model = models.ForeignKey(
        TrainedModel,
        on_delete=models.PROTECT,
        related_name="adaptations",
        help_text="The model that is adapted.",
    )
    adapted_model = models.OneToOneField(
        TrainedModel,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="adaptation",
        help_text="The model that came of it.",
    )
    title = models.CharField(max_length=120, help_text="What the new model is called.")
    classes = models.JSONField(
        default=list,
        blank=True,
        help_text="Names of classes of one's own; empty for those of the model.",
    )
    coverage = models.FloatField(
        default=0.95, help_text="How often its prediction sets are to hold the true class."
    )
    done = models.PositiveIntegerField(
        default=0, help_text="Images that the model has looked at: these, and then some from home."
    )
    total = models.PositiveIntegerField(default=0, help_text="How many it looks at.")
    fits = models.PositiveSmallIntegerField(default=0, help_text="Fits of the cross-validation.")
    model_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Version of the model that is adapted."
    )
    result = models.JSONField(
        null=True, blank=True, help_text="The figures: the section adaptation of evaluation.json."
    )

    objects = AdaptationQuerySet.as_manager()

    class Meta(Work.Meta):
        indexes: ClassVar = [
            *Work.Meta.indexes,
            # One's own, newest first.
            models.Index(fields=["owner", "-created_at"], name="adaptation_own_newest"),
        ]
        constraints: ClassVar = [
            *Work.Meta.constraints,
            models.UniqueConstraint(
                fields=["labelled_set", "trained_model"],
                condition=Q(finished_at__isnull=True),
                name="adaptation_once_at_a_time",
            ),
            models.CheckConstraint(
                name="adaptation_success_has_model_and_figures",
                condition=~Q(status="SUCCESS")
                | Q(
                    result__isnull=False,
                    adapted_model__isnull=False,
                    model_version__isnull=False,
                    finished_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="adaptation_coverage_is_a_promise",
                condition=Q(coverage__gt=0.5, coverage__lt=1),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def slug(self) -> str:
        """Of the bundle that is made: the same, however often a worker begins anew.

        For classes of one's own it is also the name of their description.
        """
        if self.classes:
            return f"own-{self.pk.hex[:12]}"
        return f"{self.trained_model.slug[:60].rstrip('-')}-{self.pk.hex[:8]}"

    @property
    def figures(self) -> schema.Adaptation | None:
        """`result` as the bundle's type."""
        return schema.Adaptation.model_validate(self.result) if self.result else None

    def role_of(self, user: User | AnonymousUser) -> Role | None:
        """What a person may do with it: as its owner, or by their part in its project."""
        if self.owner_id == user.pk:
            return Role.OWNER
        return self.project.role_of(user) if self.project else None


class ModelImportQuerySet(WorkQuerySet["ModelImport"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.all() if may(user, "view", self.model) else self.filter(owner_id=user.pk)

    def with_relations(self) -> Self:
        return self.select_related("owner", "trained_model")


class ModelImport(Work):
    """A model that was exported elsewhere, on its way from an uploaded file to one's own models."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="model_imports"
    )
    filename = models.CharField(max_length=255)
    trained_model = models.ForeignKey(
        TrainedModel,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="imports",
        help_text="What was taken from the file.",
    )

    objects = ModelImportQuerySet.as_manager()

    class Meta(Work.Meta):
        constraints: ClassVar = [
            *Work.Meta.constraints,
            models.CheckConstraint(
                name="modelimport_success_has_model",
                condition=~Q(status="SUCCESS")
                | Q(trained_model__isnull=False, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.filename
