"""`manage.py load_bundles`: bring the database in step with the model bundles on disk."""

from typing import Any

from django.core.management.base import BaseCommand

from classifier import catalogue


class Command(BaseCommand):
    help = "Register the model bundles under models/; a broken one is named and left out."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = catalogue.load_bundles()
        for error in loaded.errors:
            self.stderr.write(self.style.WARNING(f"Left out: {error}"))
        slugs = ", ".join(bundle.slug for bundle in loaded.bundles)
        self.stdout.write(f"{len(loaded.bundles)} models: {slugs or 'none'}")
