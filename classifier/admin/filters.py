"""Filters of the administrator's lists, each served by an index or by what is small."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.datasets import datasets
from classifier.models import Certainty, ReviewState
from classifier.services.desk import PERIODS, active_people

FLAGGED = "flagged"


class PeriodFilter(admin.SimpleListFilter):
    title = "sent"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(key, period.words) for key, period in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        period = PERIODS.get(self.value() or "")
        return queryset.filter(created_at__gte=period.since()) if period else queryset


class ClassFilter(admin.SimpleListFilter):
    """Classes of the datasets that are known: to list those that occur reads every row."""

    title = "predicted class"
    parameter_name = "predicted_label"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(label, label) for each in datasets().values() for label in each.labels]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(predicted_label=self.value()) if self.value() else queryset


class CertaintyFilter(admin.SimpleListFilter):
    title = "limits"
    parameter_name = "certainty"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(FLAGGED, "Flagged, both"), *Certainty.choices[1:]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == FLAGGED:
            return queryset.filter(certainty__in=[Certainty.UNDECIDED, Certainty.UNLIKE])
        return queryset.filter(certainty=self.value()) if self.value() else queryset


class ReviewFilter(admin.SimpleListFilter):
    """All states: to list those that occur reads every row, as Django's own filter would."""

    title = "review"
    parameter_name = "review_state__exact"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return ReviewState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(review_state=self.value()) if self.value() else queryset


class TrashFilter(admin.SimpleListFilter):
    """What lies in the trash is another list than what is kept."""

    title = "place"
    parameter_name = "trash"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "In the trash"), ("both", "Kept and in the trash")]

    def choices(self, changelist: ChangeList) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Kept"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(deleted_at__isnull=False).order_by("-deleted_at", "-pk")
        return queryset if self.value() == "both" else queryset.filter(deleted_at__isnull=True)


class ActiveFilter(admin.SimpleListFilter):
    """Who sent something lately."""

    title = "sent something"
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(key, period.words) for key, period in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        period = PERIODS.get(self.value() or "")
        return queryset.filter(pk__in=active_people(period.since())) if period else queryset
