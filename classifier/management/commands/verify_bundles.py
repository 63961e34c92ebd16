"""`manage.py verify_bundles`: check every model bundle, network included."""

import sys
from typing import Any

from django.conf import settings

from classifier.bundles import registry
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = "Check every bundle under models/ and load its network; exit code 1 if one is broken."

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.networks.checks import network_problems

        found = registry.discover(settings.MODELS_DIR)
        problems = {error.slug: error.problems for error in found.errors}
        problems |= {bundle.slug: network_problems(bundle) for bundle in found.bundles}
        for slug, sentences in sorted(problems.items()):
            self.stdout.write(f"{slug}: {' '.join(sentences) or 'sound'}")
        if any(problems.values()):
            sys.exit(1)
