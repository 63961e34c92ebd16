"""`manage.py preview_retention`: what would be deleted, before anything is."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from classifier import retention


class Command(BaseCommand):
    help = "Say what KEEP_ORIGINALS_DAYS and KEEP_RESULTS_DAYS, as they are set, would take."

    def handle(self, *args: Any, **options: Any) -> None:
        due = retention.preview()
        self.stdout.write(
            f"{due.originals:,} original images, {due.original_bytes / 2**20:,.1f} MB with their "
            f"thumbnails, are older than {settings.KEEP_ORIGINALS_DAYS} days. Their "
            "thumbnails, digests and results would stay."
            if settings.KEEP_ORIGINALS_DAYS
            else "Original images are kept: KEEP_ORIGINALS_DAYS is 0."
        )
        self.stdout.write(
            f"{due.results:,} results are older than {settings.KEEP_RESULTS_DAYS} days. They would "
            f"lie in the trash for {settings.TRASH_DAYS} days."
            if settings.KEEP_RESULTS_DAYS
            else "Results are kept: KEEP_RESULTS_DAYS is 0."
        )
