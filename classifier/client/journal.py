"""What has been sent, kept in a file beside the results, so that nothing is sent twice."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from classifier.client.site import ClientError

SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
# A parcel is in memory while it is sent.
PARCEL_FILES: Final = 100
PARCEL_BYTES: Final = 32 * 2**20


@dataclass(frozen=True)
class Item:
    """A file as it was when it was found; one that changes later is another one."""

    name: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        facts = path.stat()
        return cls(path.name, facts.st_size, facts.st_mtime_ns)


@dataclass
class Parcel:
    """Files that are sent in one request. Its key is written down before it is sent."""

    items: list[Item]
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    batch: str = ""
    rejected: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_sent(self) -> bool:
        return bool(self.batch or self.rejected)


@dataclass
class Journal:
    """The parcels of one folder, for the same models at the same site."""

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
            parcels = [
                Parcel(**{**parcel, "items": [Item(**item) for item in parcel["items"]]})
                for parcel in kept["parcels"]
            ]
        except (ValueError, TypeError, KeyError) as error:
            raise ClientError(f"{path} cannot be read. Remove it to start anew.") from error
        if kept["run"] != run:
            raise ClientError(f"{path} belongs to another run. Choose another --output.")
        return cls(path, run, parcels)

    def save(self) -> None:
        """Whole or not at all, whenever the process ends."""
        kept = {"run": self.run, "parcels": [asdict(parcel) for parcel in self.parcels]}
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(kept, indent=1))
        draft.replace(self.path)

    def forget_unsent(self) -> None:
        """After a refusal nothing ties the rest to this run: a model's name may be mended."""
        self.parcels = [parcel for parcel in self.parcels if parcel.is_sent]
        if self.parcels:
            self.save()
        else:
            self.path.unlink(missing_ok=True)

    def add(self, folder: Path) -> None:
        """Pack the images of a folder that are in no parcel yet."""
        known = {item for parcel in self.parcels for item in parcel.items}
        found = [Item.of(path) for path in sorted(folder.iterdir()) if is_image(path)]
        self.parcels += [Parcel(items) for items in packed([i for i in found if i not in known])]
        if self.parcels:
            self.save()


def is_image(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.is_file() and path.suffix.lower() in SUFFIXES and not hidden


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
