"""The audit trail in the admin site: to search, to read and to take along."""

import json
from collections.abc import Iterator
from typing import Final

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from classifier import audit
from classifier.admin.base import ReadOnlyAdmin
from classifier.api.tables import BYTE_ORDER_MARK, csv_line
from classifier.models import AuditEvent, AuditSeal
from classifier.notice import NOTICE

COLUMNS: Final = (
    "id", "made_at", "action", "username", "user_key", "address", "channel", "request_id",
    "subject_type", "subject_key", "details", "digest", "seal",
)  # fmt: skip
ROWS_AT_ONCE: Final = 500


class TrailAdmin(ReadOnlyAdmin):
    """Nothing of the trail is added, changed or deleted by anybody."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(TrailAdmin):
    list_display = (
        "made_at", "action", "username", "address", "channel", "subject_type", "subject_key",
    )  # fmt: skip
    list_filter = ("action", "channel", "made_at")
    # The beginning of a name or a key, which an index finds.
    search_fields = ("username__startswith", "subject_key__startswith", "request_id__startswith")
    date_hierarchy = "made_at"
    show_full_result_count = False
    actions = ("export_csv",)

    @admin.action(description="Export the chosen events as CSV", permissions=["view"])
    def export_csv(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> StreamingHttpResponse:
        audit.record(audit.Action.EXPORTED, kind="audit trail", number=queryset.count())
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingHttpResponse(
            csv_lines(queryset), content_type="text/csv; charset=utf-8", headers=headers
        )


@admin.register(AuditSeal)
class AuditSealAdmin(TrailAdmin):
    list_display = ("sequence", "sealed_at", "digest")
    search_fields = ("digest__startswith",)


def csv_lines(events: QuerySet[AuditEvent]) -> Iterator[str]:
    """With the digests and seals, from which a copy kept elsewhere can be compared later."""
    yield BYTE_ORDER_MARK + csv_line([*COLUMNS, "notice"])
    for event in events.select_related("seal").iterator(chunk_size=ROWS_AT_ONCE):
        cells = {name: getattr(event, name) for name in COLUMNS}
        cells["made_at"] = event.made_at.isoformat()
        cells["details"] = json.dumps(event.details, sort_keys=True)
        yield csv_line([*cells.values(), NOTICE])
