"""`manage.py validate_model`: how well a model does on a folder of labelled images."""

import json
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.core.management.base import CommandParser

from classifier.bundles.registry import load_bundle
from classifier.catalogue import bundle_path
from classifier.datasets.class_names import proposed_class
from classifier.errors import PlainError
from classifier.management.model_command import ModelCommand
from classifier.preprocessing import Crop
from classifier.services.tables import TableRefused, read_table

if TYPE_CHECKING:
    from classifier.validation.report import Estimate, ValidationReport

SUFFIXES: Final = {
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".dcm", ".jp2", ".heic"
}  # fmt: skip
AT_ONCE: Final = 32


def a_folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise ArgumentTypeError(f"there is no folder {text}")
    return folder


class Command(ModelCommand):
    help = (
        "Measure a model on a folder with one folder for each class, or with a table of path, "
        "class and, where images belong together, patient. Nothing is stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the bundle")
        parser.add_argument("folder", type=a_folder)
        parser.add_argument("--table", type=Path, metavar="CSV", help="names class and patient")
        parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report here")
        crops = [crop.value for crop in Crop if not crop.needs_boxes]
        parser.add_argument("--crop", choices=crops, default="auto")

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.management.validate_folder import validate_folder

        bundle = load_bundle(bundle_path(options["slug"]))
        labelled = self._labelled(options["folder"], options["table"], bundle.classes)
        started = time.monotonic()
        report = validate_folder(
            bundle,
            options["folder"].resolve().name,
            labelled,
            Crop(options["crop"]),
            started=started,
            tell=self._tell,
        )
        self._print(report)
        if options["json"]:
            text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
            options["json"].write_text(text + "\n")

    def _labelled(
        self, folder: Path, table: Path | None, classes: Sequence[str]
    ) -> list[tuple[Path, str, str]]:
        """Files with class and group; names that are like a class of the model count as it."""
        found = list(_from_table(folder, table) if table else _from_folders(folder))
        if not found:
            raise PlainError(f"{folder} holds no folders with images, one for each class.")
        names = {label: proposed_class(label, classes) for _, label, _ in found}
        for name, proposed in names.items():
            if proposed != name:
                meaning = f"counts as {proposed}" if proposed else "is no class of this model"
                self.stderr.write(f"“{name}” {meaning}.")
        return [(path, names[label] or label, group) for path, label, group in found]

    def _tell(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {total} images", ending="\r")

    def _print(self, report: "ValidationReport") -> None:
        figures, home = report.figures, report.home
        own = report.labelled_set
        self.stdout.write(
            f"{report.model.title} (version {report.model.version}) on {own.name}: {figures.n} "
            f"images, {own.clusters} independent, {own.unreadable} not readable"
        )
        lines = [
            ("accuracy", figures.accuracy, home and home.accuracy),
            ("balanced accuracy", figures.balanced_accuracy, home and home.balanced_accuracy),
            ("AUC", figures.auc, home and home.auc),
        ]
        if figures.sets:
            lines += [
                ("true class in its set", figures.sets.coverage, home and home.coverage),
                ("accepted", figures.sets.accepted, home and home.accepted),
                ("flagged", figures.sets.flagged, home and home.flagged),
            ]
        lines += [
            (f"recall of {row.label}", row.recall, home and home.recalls.get(row.label))
            for row in figures.present
        ]
        self.stdout.write(f"{'':32}{'here':24}at home")
        for name, here, there in lines:
            self.stdout.write(f"{name:32}{_words(here):24}{_words(there) if there else '–'}")
        for need in figures.enough[0].needs:
            if need.more:
                self.stdout.write(
                    f"{need.more} more images make the accuracy known to ± "
                    f"{100 * need.half_width:.0f} points."
                )
        self.stdout.write(report.notice)


def _from_folders(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """A file counts as the folder that it lies in is called."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.parent != folder:
            yield path, path.parent.name, ""


def _from_table(folder: Path, table: Path) -> Iterator[tuple[Path, str, str]]:
    try:
        rows = read_table(table.read_bytes())
    except OSError as error:
        raise PlainError(f"{table} cannot be read: {error}.") from error
    except TableRefused as refusal:
        raise PlainError(f"{table}: {refusal}") from refusal
    for row in rows:
        path = folder / row.path
        if not path.is_file():
            raise PlainError(f"{table} names {row.path}, which is not in {folder}.")
        if row.label:
            yield path, row.label, row.group


def _words(estimate: "Estimate") -> str:
    if estimate.value is None or estimate.interval is None:
        return "–"
    low, high = np.array(estimate.interval) * 100
    return f"{100 * estimate.value:.1f} % ({low:.1f}–{high:.1f})"
