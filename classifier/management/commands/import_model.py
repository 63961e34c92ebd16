"""`manage.py import_model`: take a model that another installation exported."""

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from classifier.bundles.files import checksum
from classifier.management.model_command import ModelCommand


class Command(ModelCommand):
    help = (
        "Take a model that export_model wrote. Its files are checked against their checksums, and "
        "its network is loaded without running anything that is in it; what does not hold is not "
        "taken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the zip file")
        parser.add_argument("--sha256", help="what export_model said of the file")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            if options["sha256"] and checksum(path) != options["sha256"].lower():
                raise CommandError(f"{path} is not the file of this checksum. Copy it again.")
            taken = self._take(path)
        except OSError as error:
            raise CommandError(f"Nothing was taken: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"Wrote {taken}."))
        try:
            call_command("load_bundles", stdout=self.stdout, stderr=self.stderr)
        except DatabaseError:
            self.stdout.write("There is no database yet; make run sets it up with this model.")

    def _take(self, path: Path) -> Path:
        from classifier.networks.taking import take_package

        models_dir: Path = settings.ADAPTED_MODELS_DIR
        models_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models_dir, prefix=".importing-") as folder:
            return take_package(path, Path(folder), models_dir, settings.MODELS_DIR).path
