"""`manage.py remove_orphans`: delete files that no stored image has."""

from datetime import timedelta
from typing import Any, Final

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandParser

from classifier.models.images import orphaned_files

# The longest upload, a thousand large images, takes some minutes.
LONGER_THAN_AN_UPLOAD: Final = timedelta(hours=1)


class Command(BaseCommand):
    """Not on a schedule: beside the wrong database, it would take every file for an orphan."""

    help = "Delete image files that a killed web process left behind without a row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say which they are")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        count = 0
        for name in orphaned_files(older_than=LONGER_THAN_AN_UPLOAD):
            count += 1
            if dry_run:
                self.stdout.write(name)
            else:
                default_storage.delete(name)
        self.stdout.write(f"{count} files {'would be' if dry_run else 'were'} deleted.")
