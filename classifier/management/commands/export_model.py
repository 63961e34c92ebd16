"""`manage.py export_model`: a model as one file, to take to another installation."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier import catalogue
from classifier.bundles.files import checksum
from classifier.bundles.packing import pack
from classifier.bundles.registry import load_bundle
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = "Write a model as one zip file with checksums, which import_model takes elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument("file", type=Path, nargs="?", help="SLUG.zip where left out")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"] or Path(f"{options['slug']}.zip")
        if path.exists():
            raise CommandError(f"{path} is there already. Name another file.")
        try:
            pack(load_bundle(catalogue.bundle_path(options["slug"])), path)
        except OSError as error:
            raise CommandError(f"{path} could not be written: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"Wrote {path}, SHA-256 {checksum(path)}."))
