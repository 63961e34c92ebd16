"""`manage.py backup`: what people made in one file, also while the application runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier import backup


class Command(BaseCommand):
    help = (
        "Write database, images and models that were made here into one archive. It holds health "
        "data: keep it safe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a file that is not there yet")

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        try:
            manifest = backup.write(path)
        except FileExistsError as error:
            raise CommandError(f"{path} is there already; choose another name.") from error
        except OSError as error:
            raise CommandError(f"{error}. No backup was written.") from error
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(f"{rows:,} rows and {manifest.files:,} files in {path}")
        if manifest.missing:
            self.stderr.write(
                self.style.WARNING(f"{len(manifest.missing):,} images had no file (any more).")
            )
