"""What the database computes."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ArrayLength(models.Func):
    """How many elements a JSON array has; null for null."""

    function = "json_array_length"
    output_field = models.IntegerField()

    def as_postgresql(
        self, compiler: Any, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, function="jsonb_array_length", **context)
