"""Batches, as the administrator finds them."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier import services
from classifier.admin.base import ReadOnlyAdmin
from classifier.admin.deleting import CountedDeletion
from classifier.admin.filters import PeriodFilter, TrashFilter
from classifier.models import Batch, Prediction, Status


class BatchList(ChangeList):
    """How far each batch of a page has come is asked once for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        progress = Prediction.objects.progress(self.result_list)
        for batch in self.result_list:
            batch.progress = progress[batch.pk]


@admin.register(Batch)
class BatchAdmin(CountedDeletion, ReadOnlyAdmin):
    list_display = (
        "title", "owner", "project", "predictions", "waiting", "failed", "created_at", "state",
    )  # fmt: skip
    list_filter = (PeriodFilter, TrashFilter)
    list_select_related = ("owner", "project")
    sortable_by = ("created_at",)
    search_fields = ("=id", "name", "owner__username")
    search_help_text = "Name of batch or person, or an id"
    actions = ("end_waiting",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BatchList

    @admin.display(description="batch")
    def title(self, batch: Batch) -> str:
        return str(batch)

    @admin.display(description="predictions")
    def predictions(self, batch: Any) -> SafeString:
        address = reverse("admin:classifier_prediction_changelist")
        total = f"{batch.progress.total:,}"
        return format_html('<a href="{}?q={}&amp;trash=both">{}</a>', address, batch.pk, total)

    @admin.display(description="unfinished")
    def waiting(self, batch: Any) -> str:
        return f"{batch.progress.unfinished:,}"

    @admin.display(description="failed")
    def failed(self, batch: Any) -> str:
        return f"{batch.progress.counts[Status.FAILURE]:,}"

    @admin.display(description="state")
    def state(self, batch: Batch) -> str:
        if batch.deleted_at:
            return "In the trash"
        return "Signed" if batch.is_signed else "Open" if batch.is_open else "Closed"

    @admin.action(description="End what waits", permissions=["delete"])
    def end_waiting(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        ended = sum(services.cancel_waiting(batch=batch) for batch in queryset)
        self.message_user(request, f"{ended} predictions were ended.", messages.SUCCESS)
