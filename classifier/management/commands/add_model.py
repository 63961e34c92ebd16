"""`manage.py add_model`: make a bundle of a Keras network of one's own."""

import math
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils.text import slugify

from classifier.bundles.registry import Bundle
from classifier.bundles.schema import Evaluation
from classifier.datasets import datasets
from classifier.datasets.medmnist import DataError
from classifier.errors import PlainError
from classifier.management.commands.train_model import SLUG
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = (
        "Add a Keras network of one's own. Its outputs must be in the order of the dataset's "
        "classes, which no file says. Nothing in the file is run, and only Keras's own layers are "
        "taken. Where the network was trained on other values than pixels 0-255, say which: it "
        "gets (pixels x rescale - mean) / std, as from Keras's ImageDataGenerator."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a .keras or .h5 file, network and weights")
        parser.add_argument("--dataset", required=True, choices=sorted(datasets()))
        parser.add_argument("--title", required=True, help="name of the model for people")
        parser.add_argument("--slug", help="name of the bundle; made of the title if left out")
        parser.add_argument("--architecture", default="not stated", help="for example VGG16")
        parser.add_argument("--rescale", type=_factor, default=1.0, help="for example 1/255")
        parser.add_argument("--mean", type=_number, nargs="+", default=[0.0], help="1 or 3 values")
        parser.add_argument("--std", type=_positive, nargs="+", default=[1.0], help="likewise")
        parser.add_argument("--logits", action="store_true", help="the outputs need a softmax")
        parser.add_argument("--force", action="store_true", help="replace a bundle of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.training import add_model as adding

        slug = _free_slug(options)
        try:
            bundle = adding.add_model(
                settings.MODELS_DIR,
                options["path"],
                datasets()[options["dataset"]],
                adding.Description(
                    slug=slug, title=options["title"], architecture=options["architecture"]
                ),
                adding.Preparation(
                    rescale=options["rescale"],
                    mean=options["mean"],
                    std=options["std"],
                    logits=options["logits"],
                ),
            )
        except (PlainError, OSError) as error:
            raise CommandError(f"Nothing was added: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"Wrote {bundle.path}, version {bundle.version}."))
        self._evaluate(bundle)

    def _evaluate(self, bundle: Bundle) -> None:
        from classifier.training.add_model import evaluate_if_data_is_there

        try:
            evaluation = evaluate_if_data_is_there(bundle, settings.MEDMNIST_ROOT)
        except DataError as error:
            raise CommandError(f"{bundle.slug} could not be evaluated: {error}") from error
        if evaluation is None:
            self.stdout.write(
                f"Not evaluated, since {settings.MEDMNIST_ROOT} does not have the test images. The "
                "application leaves a model out until it has figures:\n"
                f"Next: manage.py evaluate_model {bundle.slug}, then manage.py load_bundles"
            )
            return
        self._say(evaluation, bundle)
        self._register()

    def _say(self, evaluation: Evaluation, bundle: Bundle) -> None:
        low, high = evaluation.intervals.accuracy
        commonest = max(row.support for row in evaluation.per_class) / evaluation.n
        self.stdout.write(
            f"Accuracy {evaluation.accuracy:.4f} (95 % interval {low:.4f}-{high:.4f}) on "
            f"{evaluation.n:,} test images; always naming the commonest class gives "
            f"{commonest:.4f}."
        )
        self.stdout.write(
            "If that is less than you know of it, its outputs are in another order than "
            f"{'; '.join(bundle.classes)}, or it was trained on other values: see --rescale."
        )

    def _register(self) -> None:
        try:
            call_command("load_bundles", stdout=self.stdout, stderr=self.stderr)
        except DatabaseError:
            self.stdout.write("There is no database yet; make run sets it up with this model.")


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
        return _number(numerator) / _number(denominator or "1")
    except ZeroDivisionError as error:
        raise ValueError(text) from error


def _positive(text: str) -> float:
    value = _number(text)
    if not value > 0:
        raise ValueError(text)
    return value
