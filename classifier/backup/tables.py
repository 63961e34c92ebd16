"""Rows of any table as lines of JSON, and back."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

ROWS_AT_ONCE: Final = 500
PLAIN: Final = (str, int, float, bool, list, dict)


def tables() -> list[type[models.Model]]:
    """All that the application stores, those of many-to-many relations too, but for sessions."""
    found = apps.get_models(include_auto_created=True)
    return [each for each in found if each._meta.managed and each not in {Session, UserSession}]


def columns(table: type[models.Model]) -> list["models.Field[Any, Any]"]:
    """What is stored; the database works generated columns out itself."""
    return [field for field in table._meta.concrete_fields if not field.generated]


def migrations() -> list[str]:
    """Which changes of the schema the database has been through."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)


@contextmanager
def snapshot() -> Iterator[None]:
    """All that is read within is of one moment, and nobody who writes has to wait.

    Not `atomic`, which on SQLite takes the lock of writers from the start.
    """
    is_postgres = connection.vendor == "postgresql"
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if is_postgres else "BEGIN DEFERRED"
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def lines(table: type[models.Model]) -> Iterator[bytes]:
    """A row a line: a list of its values in the order of `columns`."""
    names = [field.attname for field in columns(table)]
    rows = table._base_manager.order_by("pk").values_list(*names)
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield json.dumps([_written(value) for value in row]).encode() + b"\n"


def _written(value: Any) -> Any:
    """Times to the microsecond, which Django's own encoder cuts off."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, PLAIN) else str(value)


def insert(table: type[models.Model], rows: Iterable[bytes]) -> int:
    """Store rows as `lines` gave them; returns how many. Sends no signals."""
    number, remaining = 0, iter(rows)
    while some := [_row(table, line) for line in islice(remaining, ROWS_AT_ONCE)]:
        table._base_manager.bulk_create(some)
        number += len(some)
    return number


def _row(table: type[models.Model], line: bytes) -> models.Model:
    fields = columns(table)
    values = zip(fields, json.loads(line), strict=True)
    return table(
        **{
            field.attname: (
                value if isinstance(field, models.JSONField) else field.to_python(value)
            )
            for field, value in values
        }
    )


@transaction.atomic
def empty_all() -> None:
    """Delete every row, of those too that migrations made; in one go, as they point to others."""
    for table in tables():
        table._base_manager.all()._raw_delete(connection.alias)


def reset_sequences() -> None:
    """New rows get numbers after those that were put back, and no key is remembered from before."""
    ContentType.objects.clear_cache()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables()):
            cursor.execute(statement)
