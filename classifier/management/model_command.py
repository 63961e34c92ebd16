"""What the commands about models and data have in common."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.errors import PlainError


class ModelCommand(BaseCommand):
    """A command that may load a network; a PlainError is its last line instead of a traceback."""

    requires_system_checks = ()  # the checks load every page, of which nothing is used here

    def execute(self, *args: Any, **options: Any) -> str | None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            return super().execute(*args, **options)
        except PlainError as error:
            raise CommandError(str(error)) from error
