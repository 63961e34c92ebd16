"""Filters, ordering and pages of the API's lists."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final, NoReturn

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CharField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework import exceptions
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from classifier.models import Batch, PredictionQuerySet
from classifier.services.search import PointInTimeFilter, PredictionSearch


@extend_schema_field({"type": "boolean"})
class TrueOrFalseFilter(django_filters.TypedChoiceFilter):
    """Refuses other words; BooleanFilter takes them for no filter at all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce="true".__eq__, **kwargs)


PROJECT: Final = "The results of a project that you see; without it, your own."


class StrictFilterSet(django_filters.FilterSet):
    """Refuses an empty value where it is no text; Django takes it for no filter at all."""

    def is_valid(self) -> bool:
        for name, field in self.form.fields.items():
            if self.data.get(name) == "" and type(field) is not CharField:
                self.form.add_error(name, "Give this a value, or leave it out.")
        return bool(super().is_valid())


class BatchFilter(StrictFilterSet):
    q = django_filters.CharFilter("name", "icontains", label="Part of its name")
    project = django_filters.UUIDFilter("project_id", label=PROJECT)
    created_after = PointInTimeFilter("created_at", "gte")
    created_before = PointInTimeFilter("created_at", "lt")

    class Meta:
        model = Batch
        fields: ClassVar[list[str]] = []


class PredictionFilter(StrictFilterSet, PredictionSearch):
    """All of the search, with what only programs ask for."""

    project = django_filters.UUIDFilter("project_id", label=PROJECT)
    in_distribution = TrueOrFalseFilter(method="by_limits")

    def by_limits(self, found: PredictionQuerySet, name: str, is_like: bool) -> PredictionQuerySet:
        """What is unlike has an index; what is like is most of what there is."""
        return found.filter(in_distribution=True) if is_like else found.out_of_distribution()


class ListFilters(DjangoFilterBackend):
    """Filters of lists alone: one record is found by its key, and no form is built for that."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        if getattr(view, "detail", False):
            return queryset
        return super().filter_queryset(request, queryset, view)


class StrictOrdering(OrderingFilter):
    """Refuses what it cannot order by; DRF would order by something else without a word."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> Any:
        if request.query_params.get(self.ordering_param) == "":
            self.refuse(view)
        return super().get_ordering(request, queryset, view)

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: APIView, request: Request
    ) -> list[str]:
        valid: list[str] = super().remove_invalid_fields(queryset, fields, view, request)
        if valid != list(fields):
            self.refuse(view)
        return valid

    def refuse(self, view: APIView) -> NoReturn:
        choices = ", ".join(sorted(self.choices(view)))
        raise exceptions.ValidationError({"ordering": [f"Choose one of {choices}."]})

    def choices(self, view: APIView) -> list[str]:
        return [sign + name for name in getattr(view, "ordering_fields", ()) for sign in ("", "-")]

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        [parameter] = super().get_schema_operation_parameters(view)
        return [{**parameter, "schema": {"type": "string", "enum": self.choices(view)}}]


class NewestFirst(CursorPagination):
    ordering: tuple[str, ...] = ("-created_at", "-pk")
    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    page_size_query_description = "Results on a page, 500 at most."

    def get_page_size(self, request: Request) -> int:
        """Refuses what is no number of results, for which DRF would take its own."""
        sent = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not sent.isascii() or not sent.isdecimal() or not int(sent[:10]):
            raise exceptions.ValidationError({"page_size": ["This has to be a number from 1."]})
        return min(int(sent[:10]), self.max_page_size)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"]["minimum"] = 1
        return parameters

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """With the key last, which decides between equals."""
        first = super().get_ordering(request, queryset, view)[0]
        return (first, "-pk" if first.startswith("-") else "pk")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """DRF lets a cursor through whose inside is no time."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, OverflowError) as error:
            raise exceptions.NotFound(self.invalid_cursor_message) from error


class LastDeletedFirst(NewestFirst):
    ordering = ("-deleted_at", "-pk")


class InOrder(NewestFirst):
    ordering = ("created_at", "pk")
