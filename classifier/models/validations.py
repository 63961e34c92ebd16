"""How well a model does on a labelled set, from the queue to the report."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q

from classifier.models.access import may
from classifier.models.labelled_sets import LabelledImage, LabelledSet
from classifier.models.trained import TrainedModel
from classifier.models.work import Work, WorkQuerySet


class ValidationQuerySet(WorkQuerySet["Validation"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        if may(user, "view", self.model):
            return self.all()
        return self.filter(labelled_set__in=LabelledSet.objects.of(user).values("pk"))

    def with_relations(self) -> Self:
        return self.select_related("labelled_set", "trained_model")


class Validation(Work):
    """One model on one labelled set."""

    labelled_set = models.ForeignKey(
        LabelledSet, on_delete=models.CASCADE, related_name="validations", db_index=False
    )
    trained_model = models.ForeignKey(
        TrainedModel, on_delete=models.CASCADE, related_name="validations"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    done = models.PositiveIntegerField(default=0, help_text="Images that the model has answered.")
    model_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Version of the model that answered."
    )
    report = models.JSONField(null=True, blank=True, help_text="The figures, once they are there.")

    objects = ValidationQuerySet.as_manager()

    class Meta(Work.Meta):
        indexes: ClassVar = [
            *Work.Meta.indexes,
            # What the set's page lists, newest first.
            models.Index(fields=["labelled_set", "-created_at"], name="validation_of_set"),
        ]
        constraints: ClassVar = [
            *Work.Meta.constraints,
            models.UniqueConstraint(
                fields=["labelled_set", "trained_model"],
                condition=Q(finished_at__isnull=True),
                name="validation_once_at_a_time",
            ),
            models.CheckConstraint(
                name="validation_success_has_report",
                condition=~Q(status="SUCCESS")
                | Q(report__isnull=False, model_version__isnull=False, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trained_model} · {self.labelled_set}"


class ValidationAnswer(models.Model):
    """What the model of a validation says of one image."""

    validation = models.ForeignKey(
        Validation, on_delete=models.CASCADE, related_name="answers", db_index=False
    )
    labelled_image = models.ForeignKey(
        LabelledImage, on_delete=models.CASCADE, related_name="answers"
    )
    predicted_label = models.CharField("predicted class", max_length=80)
    probabilities = models.JSONField(help_text="In the order of the model's classes.")
    # Both null where the model's bundle has no uncertainty.npz.
    in_distribution = models.BooleanField(null=True, blank=True)
    prediction_set = models.JSONField(null=True, blank=True)
    features = models.BinaryField(
        null=True, blank=True, help_text="float16, until the validation has ended."
    )
    thumbnail = models.BinaryField(
        null=True, blank=True, help_text="Grey pixels by which twins are found, as long."
    )

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar = [
            # A worker that goes on where another one stopped doubles nothing.
            models.UniqueConstraint(
                fields=["validation", "labelled_image"], name="validation_answer_once"
            ),
            models.CheckConstraint(
                name="validation_answer_uncertainty_is_whole",
                condition=Q(in_distribution__isnull=True, prediction_set__isnull=True)
                | Q(in_distribution__isnull=False, prediction_set__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.predicted_label
