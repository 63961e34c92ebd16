"""Deletions that say what they take along without loading it."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from classifier.services import desk


class CountedDeletion(admin.ModelAdmin):
    """Counts in the database what a deletion takes along; Django would load and list all of it."""

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        keys = [each.pk for each in objs]
        counts = desk.taken_along(self.model._base_manager.filter(pk__in=keys))
        lacking = {
            str(model._meta.verbose_name) for model in counts if not self._may(request, model)
        }
        words = {str(model._meta.verbose_name_plural): count for model, count in counts.items()}
        lines = [f"{count:,} {name}" for name, count in words.items()]
        return lines, words, lacking, []

    def _may(self, request: HttpRequest, model: type[Model]) -> bool:
        """Tables without a list of their own go with what they belong to."""
        own = self.admin_site._registry.get(model)
        return own is None or own.has_delete_permission(request)
