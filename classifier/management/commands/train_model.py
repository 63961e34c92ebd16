"""`manage.py train_model`: train a network by its recipe and write it as a bundle."""

import os
import re
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Command(BaseCommand):
    requires_system_checks = ()  # the checks load every page, of which nothing is used here
    help = (
        "Train a model by the recipe of its name and write it to models/SLUG. A new name needs "
        "--dataset and --architecture; the options change what a recipe says."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the recipe and of the bundle")
        parser.add_argument(
            "--resume",
            action="store_true",
            help="go on after the last finished epoch of a run that was cut off, if there is one",
        )
        parser.add_argument("--dataset", help="bloodmnist or breastmnist")
        parser.add_argument("--architecture", help="name of a network builder")
        parser.add_argument("--title", help="name of the model for people")
        parser.add_argument("--size", type=int, help="side of the input image in pixels")
        parser.add_argument("--seed", type=int)
        parser.add_argument("--epochs", type=int)
        parser.add_argument(
            "--weights",
            choices=["imagenet"],
            help="start from these weights, which Keras downloads once (networks of "
            "keras.applications only)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from classifier.bundles.registry import BundleError
        from classifier.datasets.medmnist import DataError
        from classifier.training import pipeline
        from classifier.training.recipe_values import RecipeError
        from classifier.training.trainer import ResumeError

        if not SLUG.fullmatch(options["slug"]):
            raise CommandError("A name has small letters, digits and single hyphens only.")
        try:
            bundle = pipeline.train_bundle(
                options["slug"],
                _overrides(options),
                models_dir=settings.MODELS_DIR,
                checkpoint_dir=settings.VAR_DIR / "training" / options["slug"],
                data_root=settings.MEDMNIST_ROOT,
                resume=options["resume"],
            )
        except (BundleError, DataError, RecipeError, ResumeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"Wrote {bundle.path}, version {bundle.version}."))
        self.stdout.write(f"Next: manage.py evaluate_model {bundle.slug}")


def _overrides(options: dict[str, Any]) -> dict[str, Any]:
    names = ("dataset", "architecture", "title", "size", "seed", "epochs")
    given = {name: options[name] for name in names if options[name] is not None}
    weights = {"network": {"weights": options["weights"]}} if options["weights"] else {}
    return given | weights
