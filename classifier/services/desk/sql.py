"""Expressions over times that the database computes itself.

Django's own for SQLite call Python for each row, which takes seconds where there are many.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import FloatField, Func


class Seconds(Func):
    """From the second time to the first."""

    arity = 2
    output_field = FloatField()

    def as_sqlite(
        self, compiler: Any, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        return self.as_sql(
            compiler,
            connection,
            template="(julianday(%(expressions)s)) * 86400.0",
            arg_joiner=") - julianday(",
            **context,
        )

    def as_postgresql(
        self, compiler: Any, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        return self.as_sql(
            compiler,
            connection,
            template="EXTRACT(EPOCH FROM %(expressions)s)::float8",
            arg_joiner=" - ",
            **context,
        )
