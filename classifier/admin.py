"""The administrator's view of everything that is stored."""

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from classifier import services
from classifier.cards.numbers import NOTHING
from classifier.cards.view import Measured, ModelView
from classifier.models import (
    ApiToken,
    Assignment,
    Batch,
    BatchFile,
    IdempotencyKey,
    ImageUpload,
    Membership,
    Prediction,
    Project,
    Review,
    SavedView,
    SignOff,
    TrainedModel,
    Usage,
)

admin.site.site_header = "medclassifier"
admin.site.site_title = "medclassifier"
admin.site.index_title = "Administration"


class ReadOnlyAdmin(admin.ModelAdmin):
    """What happened is not edited; it can be looked at and deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(TrainedModel)
class TrainedModelAdmin(admin.ModelAdmin):
    list_display = (
        "title", "dataset", "version", "architecture", "accuracy", "rates", "auc",
        "is_recommended", "is_active", "is_installed",
    )  # fmt: skip
    list_filter = ("dataset", "is_active", "is_installed")
    list_editable = ("is_active",)
    search_fields = ("slug", "title", "architecture")

    def get_readonly_fields(
        self, request: HttpRequest, obj: TrainedModel | None = None
    ) -> list[str]:
        """All but the switch comes from the bundle on disk."""
        return [field.name for field in TrainedModel._meta.fields if field.name != "is_active"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    @admin.display(description="test accuracy")
    def accuracy(self, trained_model: TrainedModel) -> str:
        """With its 95 % interval and sample size."""
        found = measured(trained_model)
        return f"{found.accuracy}, n = {found.evaluation.n:,}" if found else NOTHING

    @admin.display(description="sensitivity and specificity")
    def rates(self, trained_model: TrainedModel) -> str:
        """For the class that matters most, where the larger probability decides."""
        found = measured(trained_model)
        if not found or not found.rates:
            return NOTHING
        return f"{found.positive}: {found.rates.sensitivity}, {found.rates.specificity}"

    @admin.display(description="test AUC")
    def auc(self, trained_model: TrainedModel) -> str:
        """With its 95 % interval."""
        found = measured(trained_model)
        return str(found.auc) if found else NOTHING


def measured(trained_model: TrainedModel) -> Measured | None:
    """What was measured of a model; None before its evaluation."""
    return ModelView(trained_model.described, trained_model.measured).measured


@admin.register(ImageUpload)
class ImageUploadAdmin(ReadOnlyAdmin):
    list_display = (
        "picture", "original_filename", "owner", "format", "width", "height", "byte_size",
        "is_synthetic", "uploaded_at",
    )  # fmt: skip
    list_display_links = ("original_filename",)
    list_filter = ("format", "is_synthetic", "uploaded_at")
    list_select_related = ("owner",)
    search_fields = ("original_filename", "owner__username", "sha256")
    exclude = ("file", "thumbnail")
    date_hierarchy = "uploaded_at"

    @admin.display(description="")
    def picture(self, image: ImageUpload) -> str:
        address = reverse("web:thumbnail", args=[image.pk])
        return format_html('<img src="{}" alt="" width="48" height="48" loading="lazy">', address)


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = (
        "number", "created_at", "owner", "status", "predicted_label", "rounded_confidence",
        "certainty", "trained_model", "model_version", "attempts", "finished_at",
    )  # fmt: skip
    list_filter = (
        "status", "certainty", "trained_model", "predicted_label", "created_at",
    )  # fmt: skip
    list_select_related = ("trained_model", "owner")
    search_fields = ("id", "owner__username", "image__original_filename", "predicted_label")
    date_hierarchy = "created_at"
    actions = ("run_again",)

    @admin.display(description="id", ordering="id")
    def number(self, prediction: Prediction) -> str:
        """Its beginning, which tells the rows apart and leaves room for the other columns."""
        return str(prediction.pk)[:8]

    @admin.display(description="confidence", ordering="confidence")
    def rounded_confidence(self, prediction: Prediction) -> str:
        return "–" if prediction.confidence is None else f"{prediction.confidence:.4f}"

    @admin.action(description="Run failed predictions again", permissions=["delete"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        queued = sum(services.requeue(prediction=prediction) for prediction in queryset)
        self.message_user(request, f"{queued} predictions were queued again.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Prediction) -> None:
        services.delete_prediction(prediction=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        for prediction in queryset:
            services.delete_prediction(prediction=prediction)


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "owner", "project", "created_at", "closed_at", "signed_at")
    list_select_related = ("owner", "project")
    search_fields = ("id", "name", "owner__username")
    date_hierarchy = "created_at"


@admin.register(BatchFile)
class BatchFileAdmin(ReadOnlyAdmin):
    list_display = ("key", "batch", "image", "reason")
    list_select_related = ("batch", "image")
    search_fields = ("key", "image__original_filename")


@admin.register(SignOff)
class SignOffAdmin(ReadOnlyAdmin):
    list_display = ("batch", "action", "person", "reason", "made_at")
    list_select_related = ("batch", "person")
    search_fields = ("batch__name", "person__username", "reason")
    date_hierarchy = "made_at"


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("id", "prediction", "reader", "label", "note", "withdraws", "created_at")
    list_select_related = ("prediction", "reader", "withdraws")
    search_fields = ("prediction__id", "reader__username", "label")
    date_hierarchy = "created_at"


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("batch", "reader", "given_at", "ended_at")
    list_select_related = ("batch", "reader")
    search_fields = ("batch__name", "reader__username")


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("project", "user", "role")
    list_select_related = ("project", "user")
    list_filter = ("role",)
    search_fields = ("project__name", "user__username")


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "query", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("key", "owner", "batch", "created_at")
    list_select_related = ("owner", "batch")
    search_fields = ("key", "owner__username")


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    """Deleting a row gives its person a fresh start."""

    list_display = ("user", "kind", "amount")
    list_select_related = ("user",)
    list_filter = ("kind",)
    search_fields = ("user__username",)
