"""What else is stored, to be looked up."""

from django.contrib import admin

from classifier.admin.base import ReadOnlyAdmin
from classifier.models import (
    ApiToken,
    Assignment,
    BatchFile,
    IdempotencyKey,
    Membership,
    ModelVersion,
    Project,
    Review,
    SavedView,
    SignOff,
    Usage,
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
