"""What may be at the site, kept in a file beside the results, so that nothing is sent twice."""

import html
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from classifier.client.files import written_whole
from classifier.client.site import ClientError

SUFFIXES: Final = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"),
    *(".dcm", ".dicom", ".jp2", ".j2k", ".jpx", ".jls", ".heic", ".heif", ".hif", ".avif"),
}
# DICOM files often have no suffix: this stands in them behind 128 bytes of anything.
DICOM_MARK, DICOM_MARK_AT = b"DICM", 128
# Written by Windows without being asked, in small letters; what macOS writes starts with a dot, or
# lies in a folder of its own.
LITTER: Final = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"}
# A parcel is in memory while it is sent.
PARCEL_FILES: Final = 100
PARCEL_BYTES: Final = 32 * 2**20


@dataclass(frozen=True)
class Item:
    """A file as it was when it was found; one that changes later is another one.

    Attributes:
        name: with the folders that it lies in below the one that was named, and forward slashes.
    """

    name: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path, folder: Path) -> Self:
        facts = path.stat()
        return cls(path.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime_ns)

    @property
    def text(self) -> str:
        """The name as UTF-8 can hold it, whatever the locale; other bytes become `\\xff`."""
        return os.fsencode(self.name).decode(errors="backslashreplace")

    @property
    def sent_name(self) -> str:
        """The name as a site takes it: whether a file is taken is up to its content alone."""
        read = os.fsencode(self.name).decode(errors="replace")
        name = "".join(c if c.isprintable() and c not in '"\\' else "_" for c in read)
        # Sites read such as `&#47;`, a slash, out of a name.
        return name if html.unescape(name) == name else name.replace("&", "_")


@dataclass
class Parcel:
    """Files that are sent in one request. Its key is written down before it is sent."""

    items: list[Item]
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    batch: str = ""
    rejected: list[dict[str, str]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)  # SHA-256 by name

    @property
    def is_sent(self) -> bool:
        return bool(self.batch or self.rejected)


@dataclass
class Journal:
    """The parcels of one folder that may be at the site, for the same models."""

    path: Path
    run: dict[str, Any]
    parcels: list[Parcel] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, run: dict[str, Any]) -> Self:
        """Where the last run stopped. Raises ClientError where that was another kind of run."""
        if not path.exists():
            return cls(path, run)
        try:
            kept = json.loads(path.read_text())
            kept_run = kept["run"]
            parcels = [
                Parcel(**{**parcel, "items": [Item(**item) for item in parcel["items"]]})
                for parcel in kept["parcels"]
            ]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ClientError(f"{path} cannot be read. Remove it to start anew.") from error
        if kept_run != run:
            raise ClientError(f"{path} belongs to another run. Choose another --output.")
        return cls(path, run, parcels)

    def save(self) -> None:
        kept = {"run": self.run, "parcels": [asdict(parcel) for parcel in self.parcels]}
        with written_whole(self.path) as file:
            json.dump(kept, file, indent=1)

    def add(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)
        self.save()

    def remove(self, parcel: Parcel) -> None:
        """Without parcels nothing ties a command to this run: a model's name may be mended."""
        self.parcels.remove(parcel)
        if self.parcels:
            self.save()
        else:
            self.path.unlink()

    def pack(self, found: list[Item]) -> list[Parcel]:
        """Parcels of the images that are in none yet."""
        known = {item for parcel in self.parcels for item in parcel.items}
        return [Parcel(items) for items in packed([item for item in found if item not in known])]


def images(folder: Path) -> tuple[list[Item], list[Item]]:
    """The images in a folder and in those below it, and the files that are left out as none.

    What is hidden, and what systems write unasked, is neither. Raises ClientError.
    """
    found: list[Item] = []
    left_out: list[Item] = []
    try:
        for path in _files(folder):
            # What is gone since the folder was listed is not in it any more.
            with suppress(FileNotFoundError):
                (found if is_image(path) else left_out).append(Item.of(path, folder))
    except OSError as error:
        raise ClientError(f"{error.filename} cannot be read: {error.strerror}.") from error
    return found, left_out


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.lower() in LITTER:
            continue
        # A link to a folder may lead round in a circle.
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def is_image(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(DICOM_MARK_AT + len(DICOM_MARK))[DICOM_MARK_AT:] == DICOM_MARK


def packed(items: list[Item]) -> Iterator[list[Item]]:
    parcel: list[Item] = []
    for item in items:
        size = sum(packed.size for packed in parcel)
        if parcel and (len(parcel) == PARCEL_FILES or size + item.size > PARCEL_BYTES):
            yield parcel
            parcel = []
        parcel.append(item)
    if parcel:
        yield parcel
