"""`manage.py write_cards`: the model cards and their index, from what the bundles say."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from classifier.cards.files import write_cards
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = "Write the card of each bundle under models/, and models/README.md; evaluates nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = write_cards(settings.MODELS_DIR)
        except OSError as reason:
            raise CommandError(f"The cards cannot be written: {reason}") from reason
        for error in found.errors:
            self.stderr.write(self.style.WARNING(f"Left out: {error}"))
        self.stdout.write(f"Wrote {len(found.bundles)} cards and their index.")
