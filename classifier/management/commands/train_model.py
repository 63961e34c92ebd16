"""`manage.py train_model`: train a network by its recipe and write it as a bundle."""

import inspect
import re
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.datasets import datasets
from classifier.management.model_command import ModelCommand

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Command(ModelCommand):
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
        parser.add_argument("--dataset", help=f"one of {', '.join(datasets())}")
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
        from classifier.training import pipeline

        if not SLUG.fullmatch(options["slug"]):
            raise CommandError("A name has small letters, digits and single hyphens only.")
        names = ("dataset", "architecture", "title", "size", "seed", "epochs")
        given = {name: options[name] for name in names if options[name] is not None}
        weights = {"network": {"weights": options["weights"]}} if options["weights"] else {}
        overrides = given | weights
        if options["weights"]:
            _try_weights(options["slug"], overrides)
        bundle = pipeline.train_bundle(
            options["slug"],
            overrides,
            models_dir=settings.MODELS_DIR,
            checkpoint_dir=settings.VAR_DIR / "training" / options["slug"],
            data_root=settings.MEDMNIST_ROOT,
            resume=options["resume"],
        )
        self.stdout.write(self.style.SUCCESS(f"Wrote {bundle.path}, version {bundle.version}."))
        self.stdout.write(f"Next: manage.py evaluate_model {bundle.slug}")


def _try_weights(slug: str, overrides: dict[str, Any]) -> None:
    """Build the network once with its weights, which then are there, before anything is trained."""
    from classifier.networks.architectures import ARCHITECTURES, ImageSpec
    from classifier.training.recipe import dataset_of, resolve_recipe

    recipe = resolve_recipe(slug, overrides)
    channels = recipe.channels or dataset_of(recipe).channels
    spec = ImageSpec(recipe.size, channels, (0.0,) * channels, (1.0,) * channels)
    build = ARCHITECTURES.get(recipe.architecture)
    # An architecture that is not known, or takes no weights, is named by the pipeline.
    if build is None or "weights" not in inspect.signature(build).parameters:
        return
    try:
        build(spec, 2, **recipe.network)
    # What Keras raises depends on the network, and is a bare Exception where it cannot download.
    except Exception as error:
        raise CommandError(
            f"Nothing was trained: {recipe.architecture} cannot be had with ImageNet weights for "
            f"images of {channels} channel(s) and {recipe.size} pixels. Where it takes only RGB, "
            f"or there is no network to download them, leave out --weights. Keras says: {error}"
        ) from error
