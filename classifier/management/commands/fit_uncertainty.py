"""`manage.py fit_uncertainty`: give an existing bundle calibration and a sense of its limits."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.bundles.registry import load_bundle
from classifier.management.model_command import ModelCommand
from classifier.training.recipe import LimitSettings

DEFAULTS = LimitSettings()


class Command(ModelCommand):
    help = (
        "Fit temperature, prediction sets and the limit of what looks like the training data on a "
        "bundle's training and validation images, and write the bundle as its next version."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument(
            "--coverage",
            type=float,
            default=DEFAULTS.coverage,
            help="share of cases in which the prediction set shall hold the true class",
        )
        parser.add_argument(
            "--acceptance",
            type=float,
            default=DEFAULTS.acceptance,
            help="share of validation images that shall look like those of the training",
        )
        parser.add_argument(
            "--shifted",
            action="store_true",
            help="limits in three steps, from validation images changed as those of the training",
        )
        parser.add_argument(
            "--references",
            type=int,
            default=DEFAULTS.references,
            help="how many training images stand for all, to save space; 0 for all",
        )
        parser.add_argument(
            "--half-precision", action="store_true", help="store the weights in half the space"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.training.recalibrate import recalibrate_bundle

        for name in ("coverage", "acceptance"):
            if not 0.5 < options[name] < 1:
                raise CommandError(f"The {name} lies between 0.5 and 1, for example 0.95.")
        if options["references"] < 0:
            raise CommandError("The number of references is 0 for all, or more.")
        bundle = load_bundle(settings.MODELS_DIR / options["slug"], require_evaluation=False)
        chosen = LimitSettings(
            coverage=options["coverage"],
            acceptance=options["acceptance"],
            shifted=options["shifted"],
            references=options["references"],
        )
        written = recalibrate_bundle(
            bundle,
            settings.MEDMNIST_ROOT,
            chosen,
            half_precision=options["half_precision"],
        )
        self.stdout.write(self.style.SUCCESS(f"Wrote {written.path}, version {written.version}."))
        self.stdout.write(f"Next: manage.py evaluate_model {written.slug}")
