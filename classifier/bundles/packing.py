"""A bundle as one zip file, to take from one installation to another."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from classifier.bundles.files import HISTORY_FILE, checksum
from classifier.bundles.registry import EVALUATION_FILE, METADATA_FILE, Bundle
from classifier.bundles.schema import Count, Section
from classifier.datasets.own import own_dataset_path
from classifier.errors import PlainError

MANIFEST_FILE: Final = "manifest.json"
LARGEST_FILE: Final = 2 << 30
LARGEST_MANIFEST: Final = 1 << 20
# What stands in a bundle's folder besides the files that its metadata name.
OTHER_FILES: Final = (METADATA_FILE, EVALUATION_FILE, HISTORY_FILE, "README.md", "confusion.svg")
# Comes with a model for classes of somebody's own.
DATASET_FILE: Final = "dataset.json"
_CHUNK: Final = 1 << 20


class PackageError(PlainError):
    """A file that holds no bundle, or not the one that was packed."""


class PackedFile(Section):
    """A file of a package, with its size in bytes and its SHA-256."""

    name: str
    size: Count
    sha256: str


class Manifest(Section):
    """What a package holds."""

    slug: str
    files: tuple[PackedFile, ...]


def pack(bundle: Bundle, path: Path) -> None:
    """Write a bundle's files and their checksums into a zip file, whole or not at all."""
    described = (bundle.weights_path, bundle.limits_path)
    paths = [*filter(None, described), *(bundle.path / name for name in OTHER_FILES)]
    sources = {each.name: each for each in paths if each.is_file()}
    if bundle.dataset.is_own:
        sources[DATASET_FILE] = own_dataset_path(bundle.dataset.slug)
    manifest = Manifest(
        slug=bundle.slug,
        files=tuple(
            PackedFile(name=name, size=each.stat().st_size, sha256=checksum(each))
            for name, each in sources.items()
        ),
    )
    partial = path.with_name(f".{path.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST_FILE, json.dumps(manifest.as_json(), indent=2))
            for name, each in sources.items():
                archive.write(each, name)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def unpack(path: Path, folder: Path) -> Path:
    """Write the files of a package into a new folder of the bundle's name in `folder`.

    Only what the manifest names is written, and nothing beyond its size. Raises PackageError where
    a file is missing, is not the one that was packed, or has a name that is no bundle file's; and
    OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive)
            target = folder / manifest.slug
            target.mkdir()
            for packed in manifest.files:
                _extract(archive, packed, target / packed.name)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise PackageError(f"{path.name} is damaged, or no packed model: {error}.") from error
    return target


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(MANIFEST_FILE).file_size > LARGEST_MANIFEST:
        raise PackageError(f"{MANIFEST_FILE} is too large.")
    try:
        manifest = Manifest.model_validate_json(archive.read(MANIFEST_FILE))
    except ValidationError as error:
        raise PackageError(f"{MANIFEST_FILE} is not that of a packed model.") from error
    for problem in _problems(manifest):
        raise PackageError(problem)
    return manifest


def _problems(manifest: Manifest) -> Iterator[str]:
    """Names that would lead out of the folder, or be taken for something else, and sizes."""
    for name in (manifest.slug, *(each.name for each in manifest.files)):
        if Path(name).name != name or name.startswith(".") or "\\" in name or "\0" in name:
            yield f"{name!r} cannot name a file of a model."
    for each in manifest.files:
        if Path(each.name).suffix not in {".keras", ".npz"} and each.name not in (
            *OTHER_FILES,
            DATASET_FILE,
        ):
            yield f"{each.name!r} is no file of a model."
        if each.size > LARGEST_FILE:
            yield f"{each.name} is larger than the {LARGEST_FILE >> 30} GiB that are taken."


def _extract(archive: zipfile.ZipFile, packed: PackedFile, path: Path) -> None:
    if archive.getinfo(packed.name).file_size != packed.size:
        raise PackageError(f"{packed.name} does not have the size that it was packed with.")
    with archive.open(packed.name) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, _CHUNK)
    if checksum(path) != packed.sha256:
        raise PackageError(
            f"{packed.name} is not the file that was packed: its checksum differs. Export the "
            "model again."
        )
