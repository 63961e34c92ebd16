"""`manage.py fetch_data`: MedMNIST's data files for training and evaluation."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from classifier.datasets import shipped_datasets
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = "Download MedMNIST's data files into MEDMNIST_ROOT, unless they are there."

    def add_arguments(self, parser: CommandParser) -> None:
        known = list(shipped_datasets())
        parser.add_argument(
            "datasets", nargs="*", metavar="DATASET", help=f"of {', '.join(known)}; all by default"
        )
        parser.add_argument(
            "--size", type=int, default=28, choices=(28, 64, 128, 224), help="side in pixels"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.training.pipeline import obtain

        known = shipped_datasets()
        for slug in options["datasets"] or known:
            if slug not in known:
                raise CommandError(f"There is no dataset {slug!r}. Known: {', '.join(known)}.")
            path = obtain(known[slug], options["size"], settings.MEDMNIST_ROOT)
            self.stdout.write(str(path))
