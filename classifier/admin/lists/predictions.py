"""Predictions and their images, as the administrator finds them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier import services
from classifier.admin.base import ReadOnlyAdmin, thumbnail_of
from classifier.admin.deleting import CountedDeletion
from classifier.admin.filters import (
    CertaintyFilter,
    ClassFilter,
    PeriodFilter,
    ReviewFilter,
    TrashFilter,
)
from classifier.cards.numbers import NOTHING, percent
from classifier.models import (
    Certainty,
    ImageUpload,
    Prediction,
    PredictionQuerySet,
    ReviewState,
)
from classifier.services import desk


@admin.register(Prediction)
class PredictionAdmin(CountedDeletion, ReadOnlyAdmin):
    list_display = (
        "thumbnail", "file", "person", "by_model", "predicted_class", "sureness", "limits",
        "review", "state", "sent",
    )  # fmt: skip
    list_display_links = ("file",)
    list_filter = (
        PeriodFilter, "status", "trained_model", ClassFilter, CertaintyFilter, ReviewFilter,
        TrashFilter,
    )  # fmt: skip
    sortable_by = ("sent",)
    search_fields = ("id",)
    search_help_text = "Start of a file name, a person's name, or an id"
    actions = ("run_again", "to_trash", "take_back")

    def get_queryset(self, request: HttpRequest) -> PredictionQuerySet:
        """No join misleads the planner, and the largest column stays where it is."""
        rows = Prediction.objects.listed().prefetch_related("owner").order_by("-created_at", "-pk")
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("changelist")
        return rows.defer("probabilities") if is_list else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return desk.matching(queryset, search_term.strip()), False

    @admin.display(description="")
    def thumbnail(self, prediction: Prediction) -> str:
        return thumbnail_of(prediction.image)

    @admin.display(description="file")
    def file(self, prediction: Prediction) -> str:
        return prediction.image.original_filename

    @admin.display(description="owner")
    def person(self, prediction: Prediction) -> SafeString:
        address = reverse("admin:auth_user_change", args=[prediction.owner_id])
        return format_html('<a href="{}">{}</a>', address, prediction.owner)

    @admin.display(description="model")
    def by_model(self, prediction: Prediction) -> str:
        version = f", version {prediction.model_version}" if prediction.model_version else ""
        return f"{prediction.trained_model}{version}"

    @admin.display(description="predicted class")
    def predicted_class(self, prediction: Prediction) -> str:
        return prediction.predicted_label or NOTHING

    @admin.display(description="confidence")
    def sureness(self, prediction: Prediction) -> str:
        return NOTHING if prediction.confidence is None else percent(prediction.confidence)

    @admin.display(description="limits")
    def limits(self, prediction: Prediction) -> str:
        return Certainty(prediction.certainty).label if prediction.certainty else NOTHING

    @admin.display(description="review")
    def review(self, prediction: Prediction) -> str:
        if not prediction.reviewed_label:
            return NOTHING
        return f"{ReviewState(prediction.review_state).label}: {prediction.reviewed_label}"

    @admin.display(description="status")
    def state(self, prediction: Prediction) -> SafeString:
        kind, words = prediction.status.lower(), prediction.get_status_display()
        where = ", in the trash" if prediction.deleted_at else ""
        return format_html('<span class="chip status-{}">{}{}</span>', kind, words, where)

    @admin.display(description="sent", ordering="created_at")
    def sent(self, prediction: Prediction) -> str:
        return date_format(prediction.created_at, "j M Y H:i")

    @admin.action(description="Run failed predictions again", permissions=["delete"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        queued = desk.requeue(Prediction.objects.filter(pk__in=queryset.order_by().values("pk")))
        self.message_user(request, f"{queued} predictions were queued again.", messages.SUCCESS)

    @admin.action(description="Put into the trash", permissions=["delete"])
    def to_trash(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        chosen = Prediction.objects.filter(pk__in=queryset.order_by().values("pk"))
        try:
            number = services.trash_predictions(person=request.user, predictions=chosen)  # type: ignore[arg-type]
        except services.Locked as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.message_user(request, f"{number} predictions lie in the trash.", messages.SUCCESS)

    @admin.action(description="Take back from the trash", permissions=["delete"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        number = desk.take_back(Prediction.objects.filter(pk__in=queryset.order_by().values("pk")))
        self.message_user(request, f"{number} predictions are back.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Prediction) -> None:
        services.delete_prediction(prediction=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        desk.delete_predictions(Prediction.objects.filter(pk__in=queryset.order_by().values("pk")))


@admin.register(ImageUpload)
class ImageUploadAdmin(CountedDeletion, ReadOnlyAdmin):
    list_display = (
        "picture", "original_filename", "person", "format", "width", "height", "byte_size",
        "is_synthetic", "uploaded_at",
    )  # fmt: skip
    list_display_links = ("original_filename",)
    list_filter = ("format", "is_synthetic")
    sortable_by = ()
    search_fields = ("id",)
    search_help_text = "Start of a file name, or a person's name"
    exclude = ("file", "thumbnail")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageUpload]:
        return super().get_queryset(request).prefetch_related("owner")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return desk.matching_images(queryset, search_term.strip()), False

    @admin.display(description="")
    def picture(self, image: ImageUpload) -> str:
        return thumbnail_of(image)

    @admin.display(description="owner")
    def person(self, image: ImageUpload) -> str:
        return str(image.owner)
