"""`manage.py cross_validate`: how good a recipe is on images that its networks never saw."""

import json
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    requires_system_checks = ()  # the checks load every page, of which nothing is used here
    help = (
        "Train a recipe five times, each time leaving out a fifth of the images, and print mean "
        "and standard deviation of the figures on what was left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the recipe")
        parser.add_argument("--epochs", type=int)
        parser.add_argument(
            "--resume", action="store_true", help="go on with a run that was cut off, if any"
        )
        parser.add_argument(
            "--all-splits",
            action="store_true",
            help="over all images, test images included; otherwise over training and validation "
            "images, as is right for choosing a recipe",
        )
        parser.add_argument(
            "--record",
            action="store_true",
            help="over all images, and write the figures into the evaluation of the bundle that "
            "was trained by the recipe",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from classifier.bundles import registry
        from classifier.datasets.medmnist import DataError
        from classifier.training import pipeline
        from classifier.training.export import write_cross_validation
        from classifier.training.recipe_values import RecipeError
        from classifier.training.trainer import ResumeError

        slug, epochs, record = options["slug"], options["epochs"], options["record"]
        if record and epochs:
            raise CommandError("With another number of epochs the figures are not the bundle's.")
        all_splits = options["all_splits"] or record
        try:
            bundle = registry.load_bundle(settings.MODELS_DIR / slug) if record else None
            figures = pipeline.cross_validate_recipe(
                slug,
                {"epochs": epochs} if epochs else {},
                ("train", "val", "test") if all_splits else ("train", "val"),
                checkpoint_dir=settings.VAR_DIR / "cross_validation" / slug,
                data_root=settings.MEDMNIST_ROOT,
                resume=options["resume"],
            )
            if bundle:
                write_cross_validation(bundle, figures)
        except (registry.BundleError, DataError, RecipeError, ResumeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(figures, indent=2))
