"""Template tags of the administrator's pages."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template import Library
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from classifier.admin.site import DeskPage, DeskSite

register = Library()


@register.simple_tag
def desk_pages(request: HttpRequest) -> list[DeskPage]:
    """The pages of the desk that this person may open."""
    site = admin.site
    return site.pages(request) if isinstance(site, DeskSite) else []


@register.filter
def labelled_by(cells: Iterable[str], headers: Iterable[dict[str, Any]]) -> Iterator[SafeString]:
    """Cells of a row of Django's list that name their column, as a narrow screen shows it."""
    for cell, header in zip(cells, headers, strict=False):
        label = "" if "action-checkbox" in header.get("class_attrib", "") else header["text"]
        named = f'<td data-label="{escape(str(label).capitalize())}"' if label else "<td"
        yield mark_safe(cell.replace("<td", named, 1))  # noqa: S308, made by Django's own tags
