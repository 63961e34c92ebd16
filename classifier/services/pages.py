"""Pages that start behind a row, not at a number: the thousandth costs what the first does."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


class NoSuchPage(Exception):
    """The cursor is none that a page gave."""


@dataclass(frozen=True)
class Order:
    """A field by which rows are put in order; the id decides between equals."""

    field: str
    is_descending: bool = False

    def apply(self, rows: QuerySet[Row], *, backwards: bool = False) -> QuerySet[Row]:
        sign = "-" if self.is_descending != backwards else ""
        return rows.order_by(f"{sign}{self.field}", f"{sign}pk")

    def behind(self, value: Any, key: UUID, *, backwards: bool = False) -> Q:
        """Rows after the one with this value and key."""
        step = "lt" if self.is_descending != backwards else "gt"
        further = Q(**{f"{self.field}__{step}": value})
        equal = Q(**{self.field: value, f"pk__{step}": key})
        # Said once more without the "or", which no index is searched by.
        return (further | equal) & Q(**{f"{self.field}__{step}e": value})


NEWEST: Final = Order("created_at", is_descending=True)
OLDEST: Final = Order("created_at")
LEAST_CERTAIN: Final = Order("confidence")
MOST_CERTAIN: Final = Order("confidence", is_descending=True)
ORDERS: Final = {
    "newest": NEWEST,
    "oldest": OLDEST,
    "least-certain": LEAST_CERTAIN,
    "most-certain": MOST_CERTAIN,
}


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the cursors of the pages around them; empty where there is none."""

    rows: list[Row]
    previous: str
    next: str


def page(
    rows: QuerySet[Row] | Sequence[QuerySet[Row]],
    order: Order,
    *,
    size: int,
    after: str = "",
    before: str = "",
) -> Page[Row]:
    """The page behind the cursor `after`, or in front of `before`; the first one without.

    What has no confidence (yet) is on no page that is ordered by it. Raises NoSuchPage.

    Args:
        rows: or several queries without a row in common, each of which has an index of its own.
    """
    backwards = bool(before)
    found: list[Row] = []
    for each in [rows] if isinstance(rows, QuerySet) else rows:
        if order.field == "confidence":
            each = each.filter(confidence__isnull=False)
        if cursor := before or after:
            each = each.filter(order.behind(*_read(cursor), backwards=backwards))
        found += order.apply(each, backwards=backwards)[: size + 1]
    found.sort(
        key=lambda row: (getattr(row, order.field), row.pk),
        reverse=order.is_descending != backwards,
    )
    is_more, shown = len(found) > size, found[:size]
    if backwards:
        shown.reverse()
    has_previous, has_next = (is_more, True) if backwards else (bool(after), is_more)
    return Page(
        rows=shown,
        previous=_cursor(shown[0], order) if shown and has_previous else "",
        next=_cursor(shown[-1], order) if shown and has_next else "",
    )


def first_unless(
    rows: QuerySet[Row] | Sequence[QuerySet[Row]],
    order: Order,
    *,
    size: int,
    after: str = "",
    before: str = "",
) -> Page[Row]:
    """The page that an address asks for; the first one where it asks for none that there is."""
    try:
        found = page(rows, order, size=size, after=after, before=before)
    except NoSuchPage:
        found = None
    return found if found and found.rows else page(rows, order, size=size)


def _cursor(row: Model, order: Order) -> str:
    value = getattr(row, order.field)
    text = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([text, row.pk.hex]).encode()).decode()


def _read(cursor: str) -> tuple[datetime | float, UUID]:
    try:
        value, key = json.loads(base64.urlsafe_b64decode(cursor))
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(), UUID(key)
        return float(value), UUID(key)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NoSuchPage from error
