"""`manage.py fit_uncertainty`: give an existing bundle calibration and a sense of its limits."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.bundles import registry
from classifier.training.recipe import UncertaintySettings


class Command(BaseCommand):
    requires_system_checks = ()  # the checks load every page, of which nothing is used here
    help = (
        "Fit temperature, prediction sets and the limit of what looks like the training data on a "
        "bundle's training and validation images, and write the bundle as its next version."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument(
            "--coverage",
            type=float,
            default=UncertaintySettings.coverage,
            help="share of cases in which the prediction set shall hold the true class",
        )
        parser.add_argument(
            "--acceptance",
            type=float,
            default=UncertaintySettings.acceptance,
            help="share of validation images that shall look like those of the training",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from classifier.datasets.medmnist import DataError
        from classifier.training.recalibrate import refit_bundle

        for name in ("coverage", "acceptance"):
            if not 0 < options[name] < 1:
                raise CommandError(f"The {name} lies between 0 and 1, for example 0.95.")
        try:
            bundle = registry.load_bundle(
                settings.MODELS_DIR / options["slug"], require_evaluation=False
            )
            shares = UncertaintySettings(
                coverage=options["coverage"], acceptance=options["acceptance"]
            )
            written = refit_bundle(bundle, settings.MEDMNIST_ROOT, shares)
        except (registry.BundleError, DataError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"Wrote {written.path}, version {written.version}."))
        self.stdout.write(f"Next: manage.py evaluate_model {written.slug}")
