"""Reads the images out of a zip file that a person sent, whatever is in it.

Like ``uploads`` it knows no database, and only ``UploadRejected`` comes out. Nothing is unpacked to
the disk, and one entry at a time is in memory.
"""

import io
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from classifier.uploads.images import UploadRejected

# A folder's files with the shadow files that macOS adds, and some more.
MAXIMUM_ENTRIES: Final = 4_000
# zipfile reads the directory of an archive whole, before it can be counted.
MAXIMUM_DIRECTORY_BYTES: Final = 2 * 2**20
# Even a drawing of few colours shrinks less than this; what unpacks itself to gigabytes does more.
MAXIMUM_RATIO: Final = 200
ENCRYPTED_FLAG: Final = 0x1
# The other methods cannot be unpacked piece by piece to a limit.
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
SIGNATURE: Final = b"PK\x03\x04"
BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError),
    # Places in the file beyond what a number of the system can say.
    OverflowError,
)


class BoundedReads(io.RawIOBase):
    """A file that gives no more than `limit` bytes at once."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file, self.limit = file, limit

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, size: int = -1) -> bytes:
        if size > self.limit:
            raise zipfile.BadZipFile("a larger directory than so few entries need")
        return self.file.read(size)


@contextmanager
def _hostile_bytes(code: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise UploadRejected(code) from error


class Archive:
    """The files in a zip archive that may be images.

    Raises UploadRejected where the archive as a whole cannot be taken.
    """

    def __init__(self, file: BinaryIO, *, max_images: int, max_total_bytes: int) -> None:
        bounded = BoundedReads(file, MAXIMUM_DIRECTORY_BYTES)
        with _hostile_bytes("archive_damaged"):
            self.zip = zipfile.ZipFile(cast(BinaryIO, bounded))
        bounded.limit = sys.maxsize
        if len(self.zip.infolist()) > MAXIMUM_ENTRIES:
            raise UploadRejected("archive_entries", limit=MAXIMUM_ENTRIES)
        self.entries = [info for info in self.zip.infolist() if not _is_litter(info)]
        if not self.entries:
            raise UploadRejected("archive_empty")
        if len(self.entries) > max_images:
            raise UploadRejected("archive_images", limit=max_images)
        if sum(info.file_size for info in self.entries) > max_total_bytes:
            raise UploadRejected("archive_too_many_bytes", limit=max_total_bytes // 10**6)

    def open(self, info: zipfile.ZipInfo, *, max_bytes: int) -> BinaryIO:
        """One entry, unpacked in memory up to its limit. Raises UploadRejected."""
        _refuse_unfit(info, max_bytes)
        with _hostile_bytes("damaged"), self.zip.open(info) as entry:
            data = entry.read(max_bytes + 1)
        if data.startswith(SIGNATURE):
            raise UploadRejected("archive_nested")
        return io.BytesIO(data)


def basename(info: zipfile.ZipInfo) -> str:
    """An entry's name without the folders that it lay in."""
    return re.split(r"[/\\]", info.filename)[-1]


def _is_litter(info: zipfile.ZipInfo) -> bool:
    """Folders, and what systems add to them unasked."""
    return info.is_dir() or basename(info).startswith(".") or "__MACOSX/" in info.filename


def _refuse_unfit(info: zipfile.ZipInfo, max_bytes: int) -> None:
    if info.file_size > max_bytes:
        raise UploadRejected("too_many_bytes", limit=max_bytes // 10**6)
    if info.file_size > MAXIMUM_RATIO * max(1, info.compress_size):
        raise UploadRejected("expands", limit=MAXIMUM_RATIO)
    if info.flag_bits & ENCRYPTED_FLAG:
        raise UploadRejected("encrypted")
    if info.compress_type not in METHODS:
        raise UploadRejected("compression")
