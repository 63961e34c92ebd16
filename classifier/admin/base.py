"""What the lists of the administrator's desk share."""

from functools import cached_property
from typing import Any, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from classifier.models import ImageUpload

# Counting on would cost more the more there is, and nobody turns so many pages.
MOST_COUNTED: Final = 10_000


class BoundedPaginator(Paginator):
    """Counts no further than `MOST_COUNTED`; `is_more` where there are more."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_COUNTED)

    @property
    def is_more(self) -> bool:
        return self._counted > MOST_COUNTED


class DeskAdmin(admin.ModelAdmin):
    """A list that counts no further than it must."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0


class ReadOnlyAdmin(DeskAdmin):
    """What happened is not edited; it can be looked at and deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def thumbnail_of(image: ImageUpload) -> str:
    """A picture beside which its name stands."""
    address = reverse("web:thumbnail", args=[image.pk])
    return format_html('<img src="{}" alt="" width="48" height="48" loading="lazy">', address)
