"""`manage.py check_explanations`: whether a bundle's explanations mark what counts."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from classifier.bundles.registry import load_bundle
from classifier.catalogue import bundle_path
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = (
        "Check Grad-CAM and occlusion of a bundle on its dataset's test split, and write what was "
        "measured into evaluation.json and the card. Pages show only maps of a method that passed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument(
            "--boxes",
            type=Path,
            metavar="FILE",
            help="a zip of images with boxes around lesions, such as BUS-BRA's, whose labels.csv "
            "has the columns file, case, width, height and lesion_bbox: for a pointing game",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.training.pipeline import check_on_test

        bundle = load_bundle(bundle_path(options["slug"]))
        evaluation = check_on_test(bundle, settings.MEDMNIST_ROOT, options["boxes"])
        for check in evaluation.explanations:
            said = "passes, and is shown" if check.passes else "does not pass, and is not shown"
            self.stdout.write(json.dumps(check.as_json(), indent=2))
            self.stdout.write(f"{check.method} {said}.")
