"""`manage.py restore`: put a backup into an empty installation."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier import audit, backup
from classifier.catalogue import bundle_path
from classifier.errors import PlainError
from classifier.models import TrainedModel


class Command(BaseCommand):
    help = "Put an archive of `manage.py backup` into an empty installation, all or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        try:
            manifest = backup.restore(path)
        except (PlainError, OSError) as error:
            raise CommandError(str(error)) from error
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(
            f"{rows:,} rows and {manifest.files:,} files of {manifest.made_at:%Y-%m-%d %H:%M} UTC "
            "are back; all counts and checksums are right."
        )
        absent = [
            model.slug
            for model in TrainedModel.objects.filter(is_installed=True)
            if not bundle_path(model.slug).exists()
        ]
        if absent:
            self.stderr.write(
                self.style.WARNING(
                    f"{', '.join(absent)}: not among the bundles here. Copy them into "
                    f"{settings.MODELS_DIR}; their results are kept."
                )
            )
        for problem in audit.verify().problems:
            self.stderr.write(self.style.WARNING(f"Audit trail: {problem}"))
