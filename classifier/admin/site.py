"""The site of the administrator's pages: its addresses and who may open them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse

from classifier.admin import metrics, operations
from classifier.admin.charts import predictions_chart
from classifier.admin.figures import figures
from classifier.models import AuditEvent, Batch, Invitation, Prediction, TrainedModel, may
from classifier.services import desk
from classifier.services.desk import DEFAULT_PERIOD, PERIODS


@dataclass(frozen=True)
class DeskPage:
    """A page that the desk's navigation leads to."""

    title: str
    address: str
    is_current: bool


# Title, name of its address, what is asked there, and whose permission to view opens it.
PAGES: Final = (
    ("Predictions", "admin:classifier_prediction_changelist", "", Prediction),
    ("Trash", "admin:classifier_prediction_changelist", "?trash=yes", Prediction),
    ("Batches", "admin:classifier_batch_changelist", "", Batch),
    ("People", "admin:auth_user_changelist", "", User),
    ("Invitations", "admin:classifier_invitation_changelist", "", Invitation),
    ("Models", "admin:classifier_trainedmodel_changelist", "", TrainedModel),
    ("Metrics", "admin:metrics", "", TrainedModel),
    ("Operations", "admin:operations", "", TrainedModel),
    ("Audit", "admin:classifier_auditevent_changelist", "", AuditEvent),
)


class DeskSite(admin.AdminSite):
    site_header = site_title = "medclassifier"
    index_title = "Overview"
    enable_nav_sidebar = False

    def pages(self, request: HttpRequest) -> list[DeskPage]:
        """What this person may open, the overview first."""
        trash = "?trash=yes" if request.GET.get("trash") == "yes" else ""
        here = f"{request.path}{trash}"
        addresses = [("Overview", reverse("admin:index"))] + [
            (title, f"{reverse(name)}{query}")
            for title, name, query, model in PAGES
            if may(request.user, "view", model)
        ]
        return [DeskPage(title, address, address == here) for title, address in addresses]

    def admin_view(
        self, view: Callable[..., HttpResponse], cacheable: bool = False
    ) -> Callable[..., HttpResponse]:
        """No filter of Django's refuses a NUL, which PostgreSQL's text cannot hold."""
        guarded: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        @functools.wraps(guarded)
        def without_nul(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "\0" in unquote(request.META.get("QUERY_STRING", "")):
                raise BadRequest("There is a NUL in this address.")
            return guarded(request, *args, **kwargs)

        return without_nul

    def get_urls(self) -> list[Any]:
        return [
            path("metrics/", self.admin_view(metrics.metrics), name="metrics"),
            path(
                "metrics/export.<slug:extension>",
                self.admin_view(metrics.export),
                name="metrics_export",
            ),
            path("metrics/<slug:slug>/", self.admin_view(metrics.model), name="metrics_model"),
            path("operations/", self.admin_view(operations.operations), name="operations"),
            *super().get_urls(),
        ]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """What happened lately, for whoever may see everyone's predictions; then all lists."""
        context = dict(extra_context or {})
        if may(request.user, "view", Prediction):
            period = PERIODS.get(request.GET.get("period", ""), PERIODS[DEFAULT_PERIOD])
            found = desk.overview(period)
            context |= {
                "overview": found,
                "figures": figures(found),
                "chart": predictions_chart(period, found.steps),
                "periods": PERIODS.values(),
            }
        return super().index(request, context)
