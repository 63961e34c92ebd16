"""Reads the images out of a zip file that a person sent, whatever is in it.

Like ``images`` it knows no database, and only ``UploadRejected`` comes out. Nothing is unpacked to
the disk, and one entry at a time is in memory.
"""

import io
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from classifier.uploads.archive_names import true_names
from classifier.uploads.names import path_name
from classifier.uploads.refusals import UploadRejected

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
# Version, flags and method of the first entry; the fields behind them tell nothing.
LOCAL_HEADER: Final = struct.Struct("<4s2xHH20x")
HIGHEST_FLAGS, HIGHEST_METHOD = 0x3FFF, 99
OTHER_ARCHIVES: Final = {
    b"Rar!": "RAR archive",
    b"7z\xbc\xaf": "7-Zip archive",
    b"\x1f\x8b": "gzip archive",
    b"BZh": "bzip2 archive",
    b"\xfd7zXZ": "xz archive",
}
# Written by Windows without being asked, in small letters; what macOS writes starts with a dot, or
# lies in a folder of its own.
LITTER: Final = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
MAC_FOLDER: Final = "__MACOSX"
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


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive; `path` as `names.path_name` has it."""

    path: str
    info: zipfile.ZipInfo


class Archive:
    """The files in a zip archive that may be images.

    Raises UploadRejected where the archive as a whole cannot be taken.
    """

    def __init__(self, file: BinaryIO, *, max_images: int, max_total_bytes: int) -> None:
        self.zip = _opened(file)
        infos = self.zip.infolist()
        if len(infos) > MAXIMUM_ENTRIES:
            raise UploadRejected("archive_entries", limit=MAXIMUM_ENTRIES)
        self.entries = [
            Entry(path_name(name), info)
            for name, info in zip(true_names(infos), infos, strict=True)
            if not _is_litter(name)
        ]
        if not self.entries:
            raise UploadRejected("archive_empty")
        if len(self.entries) > max_images:
            raise UploadRejected("archive_images", limit=max_images)
        if sum(entry.info.file_size for entry in self.entries) > max_total_bytes:
            raise UploadRejected("archive_too_many_bytes", limit=max_total_bytes // 10**6)

    def open(self, entry: Entry, *, max_bytes: int) -> BinaryIO:
        """One entry, unpacked in memory up to its limit. Raises UploadRejected."""
        info = entry.info
        if info.file_size > max_bytes:
            raise UploadRejected("too_many_bytes", limit=max_bytes // 10**6)
        if info.file_size > MAXIMUM_RATIO * max(1, info.compress_size):
            raise UploadRejected("expands", limit=MAXIMUM_RATIO)
        if info.flag_bits & ENCRYPTED_FLAG:
            raise UploadRejected("encrypted")
        if info.compress_type not in METHODS:
            raise UploadRejected("compression")
        with _hostile_bytes("damaged"), self.zip.open(entry.info) as file:
            data = file.read(max_bytes + 1)
        if data.startswith(SIGNATURE):
            raise UploadRejected("archive_nested")
        return io.BytesIO(data)


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    bounded = BoundedReads(file, MAXIMUM_DIRECTORY_BYTES)
    try:
        with _hostile_bytes("archive_damaged"):
            archive = zipfile.ZipFile(cast(BinaryIO, bounded))
    except UploadRejected:
        _refuse_by_its_start(file)
        raise
    bounded.limit = sys.maxsize
    return archive


def _refuse_by_its_start(file: BinaryIO) -> None:
    """Raises UploadRejected for what is plainly another archive, or a zip file without its end."""
    file.seek(0)
    start = file.read(LOCAL_HEADER.size)
    for signature, name in OTHER_ARCHIVES.items():
        if start.startswith(signature):
            raise UploadRejected("archive_not_zip", name=name)
    if len(start) == LOCAL_HEADER.size:
        signature, flags, method = LOCAL_HEADER.unpack(start)
        if signature == SIGNATURE and flags <= HIGHEST_FLAGS and method <= HIGHEST_METHOD:
            raise UploadRejected("archive_cut_short")


def _is_litter(name: str) -> bool:
    """Folders, and what systems add to them unasked."""
    *folders, file = re.split(r"[/\\]", name)
    is_hidden = not file or file.startswith(".")
    return is_hidden or file.lower() in LITTER or MAC_FOLDER in folders
