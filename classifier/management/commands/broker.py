"""`manage.py broker`: the embedded Redis, in the foreground."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from medclassifier.broker import BrokerMissing, server_command


class Command(BaseCommand):
    help = (
        "Run the embedded Redis on a unix socket under var/ (for installations without REDIS_URL)."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            command = server_command(settings.VAR_DIR)
        except (BrokerMissing, PermissionError) as error:
            raise CommandError(str(error)) from error
        # Replace this process, so that whoever started it signals Redis itself.
        os.execv(command[0], command)  # noqa: S606
