"""`manage.py add_model`: make a bundle of a Keras network of one's own."""

import math
import re
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils.text import slugify

from classifier.datasets import datasets
from classifier.datasets.medmnist import DataError
from classifier.errors import PlainError
from classifier.management.commands.train_model import SLUG
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = (
        "Add a Keras network of one's own. Which output is which class no file says: where they "
        "are not in the dataset's order, give --classes. Nothing in the file is run, and only "
        "Keras's own layers are taken. Where the network was trained on other values than pixels "
        "0-255, say which: it gets (pixels x rescale - mean) / std, as from Keras's "
        "ImageDataGenerator. Where the test images are there, a network that is right no more "
        "often than always naming the commonest class is not added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        # That -1/255 and -1e-3 are numbers and no options.
        parser._negative_number_matcher = re.compile(r"-\.?\d")
        parser.add_argument("path", type=Path, help="a .keras or .h5 file, network and weights")
        parser.add_argument("--dataset", required=True, choices=sorted(datasets()))
        parser.add_argument("--title", required=True, help="name of the model for people")
        parser.add_argument("--slug", help="name of the bundle; made of the title if left out")
        parser.add_argument("--architecture", default="not stated", help="for example VGG16")
        parser.add_argument("--rescale", type=_factor, default=1.0, help="for example 1/255")
        parser.add_argument("--mean", type=_number, nargs="+", default=[0.0], help="1 or 3 values")
        parser.add_argument("--std", type=_positive, nargs="+", default=[1.0], help="likewise")
        parser.add_argument(
            "--preprocess-input",
            default="",
            metavar="NETWORKS",
            help="whose preprocess_input a Lambda in the network is, for example resnet50",
        )
        parser.add_argument(
            "--classes", nargs="+", default=[], help="all labels in the order of the outputs"
        )
        parser.add_argument("--positive", help="label of the class that a single output is for")
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--logits", action="store_true", help="the outputs need a softmax, or one a sigmoid"
        )
        kind.add_argument("--sigmoids", action="store_true", help="the outputs need not sum to one")
        parser.add_argument(
            "--despite-figures",
            action="store_true",
            help="add it also if it is no better than always naming the commonest class",
        )
        parser.add_argument("--force", action="store_true", help="replace a bundle of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.training import add_model as adding
        from classifier.training.outputs import Kind, Outputs

        slug = _free_slug(options)
        kind: Kind = (
            "logits"
            if options["logits"]
            else "sigmoids"
            if options["sigmoids"]
            else "probabilities"
        )
        try:
            bundle = adding.add_model(
                settings.MODELS_DIR,
                options["path"],
                datasets()[options["dataset"]],
                adding.Description(
                    slug=slug, title=options["title"], architecture=options["architecture"]
                ),
                adding.Preparation(
                    **{
                        name: options[name]
                        for name in ("rescale", "mean", "std", "preprocess_input")
                    }
                ),
                Outputs(kind=kind, positive=options["positive"], classes=options["classes"]),
                settings.MEDMNIST_ROOT,
                takes_poor=options["despite_figures"],
            )
        except DataError as error:
            raise CommandError(f"{slug} could not be evaluated: {error}") from error
        except (PlainError, OSError) as error:
            raise CommandError(f"Nothing was added: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"Wrote {bundle.path}, version {bundle.version}."))
        if bundle.evaluation:
            evaluation = bundle.evaluation
            low, high = evaluation.intervals.accuracy
            commonest = max(row.support for row in evaluation.per_class) / evaluation.n
            self.stdout.write(
                f"Accuracy {evaluation.accuracy:.4f} (95 % interval {low:.4f}-{high:.4f}) on "
                f"{evaluation.n:,} test images; always naming the commonest class gives "
                f"{commonest:.4f}."
            )
            self.stdout.write(
                "If that is less than you know of it, its outputs are in another order, see "
                "--classes, or it was trained on other values, see --rescale."
            )
            try:
                call_command("load_bundles", stdout=self.stdout, stderr=self.stderr)
            except DatabaseError:
                self.stdout.write("There is no database yet; make run sets it up with this model.")
        else:
            self.stdout.write(
                f"Not evaluated, since {settings.MEDMNIST_ROOT} does not have the test images. The "
                "application leaves a model out until it has figures:\n"
                f"Next: manage.py evaluate_model {bundle.slug}, then manage.py load_bundles"
            )


def _free_slug(options: dict[str, Any]) -> str:
    slug: str = options["slug"] or slugify(options["title"].replace("_", " "))
    if not SLUG.fullmatch(slug):
        raise CommandError(
            f"{slug!r} cannot name a bundle. Give --slug, of small letters, digits and single "
            "hyphens only."
        )
    if (settings.MODELS_DIR / slug).exists() and not options["force"]:
        raise CommandError(
            f"There is a bundle named {slug} already. Choose another --slug, or replace it, under "
            "the next version, with --force."
        )
    return slug


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _factor(text: str) -> float:
    """A number or a quotient of two, such as 1/255."""
    numerator, _, denominator = text.partition("/")
    try:
        value = _number(numerator) / _number(denominator or "1")
    except ZeroDivisionError as error:
        raise ValueError(text) from error
    if value == 0:
        raise ArgumentTypeError("0 makes all images the same: give for example 1/255")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if not value > 0:
        raise ValueError(text)
    return value
