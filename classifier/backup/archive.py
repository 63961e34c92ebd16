"""Writing a backup."""

import contextlib
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.utils import timezone
from pydantic import BaseModel

from classifier.backup import tables
from classifier.models import ImageUpload
from classifier.notice import NOTICE

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "files.sha256"
PIECE: Final = 2**20
IMAGES_AT_ONCE: Final = 500
# Folders of the archive.
MEDIA, MODELS, DATASETS = "media", "models", "datasets"


def folder_of(kind: str) -> Path:
    """Where the files of a folder of the archive lie in this installation."""
    roots = {
        MEDIA: settings.MEDIA_ROOT,
        MODELS: settings.ADAPTED_MODELS_DIR,
        DATASETS: settings.OWN_DATASETS_DIR,
    }
    return Path(roots[kind])


def made_here() -> list[Path]:
    """Folders of bundles that were made or brought here; hidden ones are not whole yet."""
    return sorted(path for path in folder_of(MODELS).glob("[!._]*") if path.is_dir())


def described_here() -> list[Path]:
    """Files that describe classes of people's own."""
    return sorted(folder_of(DATASETS).glob("[!.]*.json"))


class Table(BaseModel):
    """What must be in a table's file."""

    rows: int
    sha256: str


class Manifest(BaseModel):
    """What must be in a backup.

    Attributes:
        migrations: of the database that was backed up; the same are needed to put it back.
        tables: by `app.model`.
        files: how many images, thumbnails, files of bundles and descriptions of classes.
        deleted_meanwhile: keys of images that people deleted while the backup was made.
        missing: images whose files were gone before.
    """

    format: int = FORMAT
    notice: str = NOTICE
    made_at: datetime
    migrations: list[str]
    tables: dict[str, Table]
    files: int
    files_sha256: str
    deleted_meanwhile: list[str]
    missing: list[str]


def write(path: Path) -> Manifest:
    """Back up what people made into a new file, readable by its owner only.

    The rows are of one moment. Files are written before their rows and deleted after them, so that
    all files of these rows are there, but for images which somebody deletes meanwhile: those are
    named, and not put back; a model that goes meanwhile is not put back with its bundle. Raises
    FileExistsError, and OSError with nothing left behind.
    """
    part = path.with_name(f".{path.name}.part")
    if path.exists():
        raise FileExistsError(path)
    try:
        with part.open("xb") as file:
            manifest = _write(file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _write(file: IO[bytes]) -> Manifest:
    with zipfile.ZipFile(file, "w") as archive:
        with tables.snapshot():
            made_at, migrations = timezone.now(), tables.migrations()
            written = {
                table._meta.label_lower: _write_lines(
                    archive, f"database/{table._meta.label_lower}.jsonl", tables.lines(table)
                )
                for table in tables.tables()
            }
            images = [
                (image.pk, str(image.shown_file.name), str(image.thumbnail.name))
                for image in ImageUpload.objects.only("file", "thumbnail", "original_dropped_at")
            ]
        checksums: dict[str, str] = {}
        absent = []
        for key, *names in images:
            try:
                # A small picture is its own thumbnail.
                wanted = [f"{MEDIA}/{name}" for name in dict.fromkeys(names)]
                checksums |= {name: _write_file(archive, name) for name in wanted}
            except FileNotFoundError:
                absent.append(key)
        for folder in made_here():
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                wanted = [f"{MODELS}/{folder.name}/{each.name}" for each in folder.iterdir()]
                checksums |= {name: _write_file(archive, name) for name in sorted(wanted)}
        for described in described_here():
            name = f"{DATASETS}/{described.name}"
            with contextlib.suppress(FileNotFoundError):
                checksums[name] = _write_file(archive, name)
        listed = (f"{digest}  {name}\n".encode() for name, digest in checksums.items())
        listing = _write_lines(archive, CHECKSUMS, listed)
        there = set(ImageUpload.objects.filter(pk__in=absent).values_list("pk", flat=True))
        manifest = Manifest(
            made_at=made_at,
            migrations=migrations,
            tables=written,
            files=listing.rows,
            files_sha256=listing.sha256,
            deleted_meanwhile=[str(key) for key in absent if key not in there],
            missing=[str(key) for key in absent if key in there],
        )
        archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _write_lines(archive: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> Table:
    digest, rows = hashlib.sha256(), 0
    entry = zipfile.ZipInfo(name, timezone.now().timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as target:
        for line in lines:
            target.write(line)
            digest.update(line)
            rows += 1
    return Table(rows=rows, sha256=digest.hexdigest())


def _write_file(archive: zipfile.ZipFile, name: str) -> str:
    """Store a file, which is compressed already, under its name in the archive.

    Returns its SHA-256. Raises FileNotFoundError.
    """
    root, _, rest = name.partition("/")
    with (folder_of(root) / rest).open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        with archive.open(name, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, PIECE)
    return digest
