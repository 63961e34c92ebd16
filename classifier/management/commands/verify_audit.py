"""`manage.py verify_audit`: whether the audit trail is as it was written."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from classifier import audit


class Command(BaseCommand):
    help = "Check every event and seal of the audit trail; exit code 1 if anything was changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            default="",
            metavar="SEQUENCE:DIGEST",
            help="a seal that must be there, as the log of an earlier day has it",
        )

    def handle(self, *args: Any, expect: str, **options: Any) -> None:
        verdict = audit.verify(expected=expect)
        for problem in verdict.problems:
            self.stdout.write(self.style.ERROR(problem))
        self.stdout.write(
            f"{verdict.events:,} events, {verdict.unsealed:,} of them not sealed yet. "
            f"Last seal: {verdict.head or 'none'}"
        )
        if verdict.problems:
            self.stdout.write(f"{len(verdict.problems):,} problems. Compare with a backup.")
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("Nothing was changed."))
