"""`manage.py adapt_model`: fit a model to a laboratory's own labelled images."""

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from classifier import catalogue
from classifier.bundles.registry import load_bundle
from classifier.bundles.schema import Evaluation
from classifier.cards.numbers import Metric, round_percent
from classifier.datasets.own import own_dataset, own_dataset_path, write_own_dataset
from classifier.management.commands.train_model import SLUG
from classifier.management.model_command import ModelCommand
from classifier.models import TrainedModel
from classifier.preprocessing import Crop


class Command(ModelCommand):
    help = (
        "Fit a model to labelled images of one's own: a folder with a folder for each class, from "
        "5 images a class on. Its last layer, its calibration and its limits are fitted anew; how "
        "good it then is, beside the model as it was, is measured by cross-validation on the same "
        "images."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle to adapt")
        parser.add_argument("folder", type=Path, help="holds a folder for each class")
        parser.add_argument("--name", help="name of the new bundle; SLUG and the folder's without")
        parser.add_argument("--title", help="what people call the new model")
        parser.add_argument(
            "--owner",
            metavar="USERNAME",
            help="who may choose it; without, nobody until an administrator offers it to all",
        )
        parser.add_argument(
            "--same",
            action="append",
            default=[],
            metavar="FOLDER=CLASS",
            help="which class a folder holds that has another name; repeatable",
        )
        parser.add_argument(
            "--own-classes",
            action="store_true",
            help="a new model for the folders' own classes, of 10 images or more each",
        )
        parser.add_argument(
            "--crop", choices=list(Crop), default=Crop.AUTO, help="how much of an image is seen"
        )
        parser.add_argument(
            "--coverage", type=float, default=0.95, help="how often sets hold the true class"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.adaptation.adapt import Name, adapt_bundle
        from classifier.adaptation.examples import FEWEST_OF_AN_OWN_CLASS
        from classifier.adaptation.fitting import Promise
        from classifier.adaptation.folders import read_class_folders
        from classifier.training.progress import images_progress

        if not 0.5 < options["coverage"] < 1:
            raise CommandError("The coverage lies between 0.5 and 1, for example 0.95.")
        owner = self._owner(options["owner"])
        folder: Path = options["folder"]
        own_slug = f"own-{uuid.uuid4().hex[:12]}"
        slug = options["name"] or f"{options['slug']}-{_words(folder.resolve().name)}"
        if not SLUG.fullmatch(slug):
            raise CommandError(
                f"{slug!r} cannot name a bundle. Give --name, of small letters, digits and single "
                "hyphens only."
            )
        if catalogue.bundle_path(slug).exists():
            raise CommandError(f"There is a bundle named {slug} already. Give another --name.")
        bundle = load_bundle(catalogue.bundle_path(options["slug"]))
        images, classes = read_class_folders(
            folder,
            bundle,
            same=dict(_pair(each) for each in options["same"]),
            crop=Crop(options["crop"]),
            max_bytes=settings.MAX_UPLOAD_BYTES,
            max_pixels=settings.MAX_UPLOAD_PIXELS,
            own_fewest=FEWEST_OF_AN_OWN_CLASS if options["own_classes"] else 0,
        )
        title = options["title"] or f"{bundle.metadata.title}, {images.name}"
        own = None
        try:
            if options["own_classes"]:
                own = own_dataset(own_slug, images.name, classes, bundle.dataset)
                write_own_dataset(own)
            with images_progress(slug) as listener:
                adapted = adapt_bundle(
                    bundle,
                    images,
                    Name(slug=slug, title=title[:120]),
                    settings.ADAPTED_MODELS_DIR,
                    promise=Promise(coverage=options["coverage"]),
                    data_root=settings.MEDMNIST_ROOT,
                    own=own,
                    listener=listener,
                )
        except BaseException as error:
            own_dataset_path(own_slug).unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise CommandError(f"Nothing was written: {error}") from error
            raise
        self._say(adapted.evaluation)
        self.stdout.write(self.style.SUCCESS(f"Wrote {adapted.path}."))
        self.stdout.write("Research use only, not for diagnosis.")
        try:
            call_command("load_bundles", stdout=self.stdout, stderr=self.stderr)
        except DatabaseError:
            self.stdout.write("There is no database yet; make run sets it up with this model.")
            return
        TrainedModel.objects.filter(slug=slug).update(owner=owner)
        self.stdout.write(
            f"{owner.username if owner else 'Nobody but administrators'} can choose it. Who "
            "administers the site can offer it to all."
        )

    def _owner(self, username: str | None) -> User | None:
        if username is None:
            return None
        try:
            return User.objects.get(username=username)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no account named {username}.") from error

    def _say(self, evaluation: Evaluation | None) -> None:
        adaptation = evaluation.adaptation if evaluation else None
        if evaluation is None or adaptation is None:
            return
        self.stdout.write(adaptation.gain.reason)
        if limits := evaluation.uncertainty:
            covered, accepted = Metric.of(limits.coverage), Metric.of(limits.acceptance)
            self.stdout.write(
                f"Prediction sets hold the true class in {covered.percent} of cases (aimed at: "
                f"{round_percent(limits.coverage.target)}); {accepted.percent} of the images are "
                f"accepted (aimed at: {round_percent(limits.acceptance.target)})."
            )
        if home := adaptation.at_home:
            now, before = Metric.of(home.after).percent, Metric.of(home.before).percent
            self.stdout.write(
                f"On {home.after.n} test images from home it is right in {now}; it was {before}."
            )


def _words(name: str) -> str:
    letters = (letter if letter.isascii() and letter.isalnum() else " " for letter in name.lower())
    return "-".join("".join(letters).split())


def _pair(text: str) -> tuple[str, str]:
    name, equals, label = text.partition("=")
    if not equals:
        raise CommandError(f"--same is FOLDER=CLASS, not {text!r}.")
    return name, label
