"""`manage.py cross_validate`: how good a recipe is on images that its networks never saw."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.bundles.registry import load_bundle
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
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
        from classifier.training import pipeline

        slug, epochs, record = options["slug"], options["epochs"], options["record"]
        if record and epochs:
            raise CommandError("With another number of epochs the figures are not the bundle's.")
        all_splits = options["all_splits"] or record
        bundle = load_bundle(settings.MODELS_DIR / slug) if record else None
        found = pipeline.cross_validate_recipe(
            slug,
            {"epochs": epochs} if epochs else {},
            ("train", "val", "test") if all_splits else ("train", "val"),
            checkpoint_dir=settings.VAR_DIR / "cross_validation" / slug,
            data_root=settings.MEDMNIST_ROOT,
            resume=options["resume"],
        )
        if bundle:
            pipeline.record_cross_validation(bundle, found)
        self.stdout.write(json.dumps(found.as_json(), indent=2))
