"""`manage.py evaluate_model`: figures of a bundle on its dataset's test split."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.bundles import registry


class Command(BaseCommand):
    requires_system_checks = ()  # the checks load every page, of which nothing is used here
    help = "Evaluate a bundle on its dataset's test split and write evaluation.json and the card."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument(
            "--data",
            type=Path,
            metavar="FILE",
            help="another .npz file in MedMNIST's layout, whose figures are only printed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from classifier.datasets.medmnist import DataError
        from classifier.evaluation.evaluate import evaluate_bundle
        from classifier.training.pipeline import evaluate_on_test
        from classifier.training.progress import images_progress

        try:
            bundle = registry.load_bundle(
                settings.MODELS_DIR / options["slug"], require_evaluation=False
            )
            if options["data"]:
                with images_progress(bundle.slug) as listener:
                    figures = evaluate_bundle(bundle, options["data"], listener=listener)
            else:
                figures = evaluate_on_test(bundle, settings.MEDMNIST_ROOT)
        except (registry.BundleError, DataError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(figures, indent=2, ensure_ascii=False))
