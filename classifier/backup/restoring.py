"""Putting a backup back, into an installation that has nothing yet."""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import ValidationError

from classifier.backup import tables
from classifier.backup.archive import (
    CHECKSUMS,
    DATASETS,
    FORMAT,
    MANIFEST,
    MEDIA,
    MODELS,
    PIECE,
    Manifest,
    described_here,
    folder_of,
    made_here,
)
from classifier.errors import PlainError
from classifier.models import ImageUpload
from classifier.models.images import FOLDERS

NOTHING_CHANGED: Final = "Nothing was changed."
# Of the names of files, in each folder of the archive.
DEPTHS: Final = {MEDIA: 2, MODELS: 2, DATASETS: 1}


class Damaged(PlainError):
    """A backup is not what it was when it was written."""


class NotEmpty(PlainError):
    """There is something in the installation that a restore would overwrite."""


def restore(path: Path) -> Manifest:
    """Put rows and files back; all or nothing, each row counted and each file compared.

    Raises NotEmpty, Damaged, and PlainError for a backup of another release.
    """
    with _opened(path) as archive:
        manifest = _manifest(archive)
        if manifest.format != FORMAT or manifest.migrations != tables.migrations():
            differing = sorted({*manifest.migrations} ^ {*tables.migrations()})
            raise PlainError(
                "This backup is of another release of medclassifier. Put it back with that "
                f"release, then update. The schema differs in: {', '.join(differing)}. "
                f"{NOTHING_CHANGED}"
            )
        has_files = made_here() or described_here()
        if has_files or User.objects.exists() or ImageUpload.objects.exists():
            raise NotEmpty(
                "This installation has accounts or images already, or models of its own. Put the "
                "backup into an empty one: set VAR_DIR to a new folder, and DATABASE_URL to a new "
                f"database. {NOTHING_CHANGED}"
            )
        written: list[Path] = []
        try:
            with transaction.atomic():
                _restore_tables(archive, manifest)
                _restore_files(archive, manifest, written)
                ImageUpload.objects.filter(pk__in=manifest.deleted_meanwhile).delete()
        except BaseException:
            for file in written:
                file.unlink(missing_ok=True)
                with suppress(OSError):  # others lie there
                    file.parent.rmdir()
            raise
    return manifest


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, KeyError) as error:
        raise Damaged(f"{path.name} is damaged ({error}). {NOTHING_CHANGED}") from error


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        return Manifest.model_validate_json(archive.read(MANIFEST))
    except ValidationError as error:
        raise Damaged(f"{MANIFEST} is damaged. {NOTHING_CHANGED}") from error


def _restore_tables(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    tables.empty_all()
    for table in tables.tables():
        label = table._meta.label_lower
        expected = manifest.tables[label]
        with archive.open(f"database/{label}.jsonl") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
        with archive.open(f"database/{label}.jsonl") as source:
            rows = tables.insert(table, source)
        if (rows, digest) != (expected.rows, expected.sha256):
            raise Damaged(f"The rows of {label} are not those that were saved. {NOTHING_CHANGED}")
        if table._base_manager.count() != expected.rows:
            raise Damaged(f"Not all rows of {label} could be stored. {NOTHING_CHANGED}")
    tables.reset_sequences()


def _restore_files(archive: zipfile.ZipFile, manifest: Manifest, written: list[Path]) -> None:
    """Each file is compared with its digest; `written` names those that are on the disk."""
    listing = archive.read(CHECKSUMS)
    lines = listing.decode().splitlines()
    if (hashlib.sha256(listing).hexdigest(), len(lines)) != (manifest.files_sha256, manifest.files):
        raise Damaged(f"{CHECKSUMS} is damaged. {NOTHING_CHANGED}")
    for line in lines:
        expected, name = line.split("  ", 1)
        target = _target(name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with archive.open(name) as source, target.open("xb") as file:
            written.append(target)
            while piece := source.read(PIECE):
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != expected:
            raise Damaged(f"{name} is not what was saved. {NOTHING_CHANGED}")


def _target(name: str) -> Path:
    """Where a file of the archive goes. Raises Damaged for a name that leads anywhere else."""
    kind, *parts = name.split("/")
    is_sound = len(parts) == DEPTHS.get(kind) and all(part[:1] not in {"", "."} for part in parts)
    if not is_sound or (kind == MEDIA and parts[0] not in FOLDERS.values()):
        raise Damaged(f"{name} is no file of a backup. {NOTHING_CHANGED}")
    return folder_of(kind).joinpath(*parts)
