"""`manage.py evaluate_model`: figures of a bundle on its dataset's test split."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from classifier.bundles.registry import load_bundle
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = "Evaluate a bundle on its dataset's test split and write evaluation.json and the card."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument(
            "--data",
            type=Path,
            metavar="FILE",
            help="another .npz file in MedMNIST's layout, whose figures are only printed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.evaluation.evaluate import evaluate_bundle
        from classifier.training.pipeline import evaluate_on_test
        from classifier.training.progress import images_progress

        bundle = load_bundle(settings.MODELS_DIR / options["slug"], require_evaluation=False)
        if options["data"]:
            with images_progress(bundle.slug) as listener:
                evaluation = evaluate_bundle(bundle, options["data"], listener=listener)
        else:
            evaluation = evaluate_on_test(bundle, settings.MEDMNIST_ROOT)
        self.stdout.write(json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False))
