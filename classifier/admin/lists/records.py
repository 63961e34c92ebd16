"""What else is stored, to be looked up."""

from django.contrib import admin

from classifier.admin.base import ReadOnlyAdmin
from classifier.models import (
    Adaptation,
    ApiToken,
    Assignment,
    BatchFile,
    Explanation,
    IdempotencyKey,
    LabelledImage,
    LabelledSet,
    Membership,
    ModelImport,
    ModelVersion,
    Project,
    Review,
    SavedView,
    SignOff,
    Usage,
    Validation,
    ValidationAnswer,
    Watch,
    WatchLook,
)


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


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("id", "prediction", "reader", "label", "note", "withdraws", "created_at")
    list_select_related = ("prediction", "reader", "withdraws")
    search_fields = ("prediction__id", "reader__username", "label")


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


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("trained_model", "version", "sha256", "loaded_at")
    list_select_related = ("trained_model",)


@admin.register(Explanation)
class ExplanationAdmin(ReadOnlyAdmin):
    list_display = ("prediction", "method", "status", "asked_by", "created_at")
    list_select_related = ("prediction", "asked_by")
    list_filter = ("method", "status")
    search_fields = ("prediction__id", "asked_by__username")


@admin.register(LabelledSet)
class LabelledSetAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "project", "dataset", "created_at", "confirmed_at")
    list_select_related = ("owner", "project")
    list_filter = ("dataset",)
    search_fields = ("name", "owner__username")


@admin.register(LabelledImage)
class LabelledImageAdmin(ReadOnlyAdmin):
    list_display = ("image", "labelled_set", "label", "group", "suspected_label", "settled_at")
    list_select_related = ("image", "labelled_set")
    search_fields = ("labelled_set__name", "label", "path")


@admin.register(Validation)
class ValidationAdmin(ReadOnlyAdmin):
    list_display = ("labelled_set", "trained_model", "person", "status", "done", "created_at")
    list_select_related = ("labelled_set", "trained_model", "person")
    list_filter = ("status", "trained_model")
    search_fields = ("labelled_set__name", "person__username")


@admin.register(ValidationAnswer)
class ValidationAnswerAdmin(ReadOnlyAdmin):
    list_display = ("labelled_image", "validation", "predicted_label", "in_distribution")
    list_select_related = ("labelled_image", "validation")
    search_fields = ("labelled_image__path", "predicted_label")


@admin.register(Adaptation)
class AdaptationAdmin(ReadOnlyAdmin):
    list_display = ("title", "trained_model", "labelled_set", "owner", "status", "created_at")
    list_select_related = ("trained_model", "labelled_set", "owner")
    list_filter = ("status", "trained_model")
    search_fields = ("title", "owner__username")
    # Thousands, each a choice of all images that there are.
    exclude = ("images",)


@admin.register(ModelImport)
class ModelImportAdmin(ReadOnlyAdmin):
    list_display = ("filename", "owner", "trained_model", "status", "created_at")
    list_select_related = ("owner", "trained_model")
    list_filter = ("status",)
    search_fields = ("filename", "owner__username")


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    list_display = (
        "trained_model", "model_version", "project", "owner", "reference_until", "looked_at",
    )  # fmt: skip
    list_select_related = ("trained_model", "project", "owner")
    search_fields = ("trained_model__title", "project__name", "owner__username")


@admin.register(WatchLook)
class WatchLookAdmin(ReadOnlyAdmin):
    list_display = ("watch", "last_at", "n", "is_alarm", "seen_at")
    list_select_related = ("watch__trained_model", "watch__project", "watch__owner")
    list_filter = ("is_alarm",)
    search_fields = ("watch__trained_model__title", "watch__project__name")
