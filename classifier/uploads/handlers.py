"""Takes multipart uploads in: their names as they were sent, their bytes in one temporary file.

Django's parser cuts paths and unprintable characters out of a file name before a form sees it, and
drops a file without a word when nothing is left. Here such names are to be refused aloud, so the
name as sent travels with the file, beside the safe one that Django makes.
"""

from __future__ import annotations

import html
import io
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict

CUT_SHORT: Final = "The request ended too early, and nothing of it was kept. Send it again."


def sent_name(file: UploadedFile[Any]) -> str:
    """The name that the client sent, unsafe as it may be; for judging it, never for storage."""
    return str(getattr(file, "sent_name", file.name or ""))


class SentNameHandler(FileUploadHandler):
    """Gives every uploaded file an attribute ``sent_name``; stands first in FILE_UPLOAD_HANDLERS.

    The handlers behind it receive the files, and all of Django's limits on requests hold.
    """

    request: HttpRequest

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> tuple[QueryDict, MultiValueDict[str, UploadedFile[Any]]]:
        others = [handler for handler in self.request.upload_handlers if handler is not self]
        # The type stubs are wrong about the boundary.
        body = WatchedBody(input_data, cast(bytes, boundary))
        parsed = SentNameParser(META, cast(Any, body), others, encoding).parse()
        if not body.is_whole:
            raise MultiPartParserError(CUT_SHORT)
        return parsed


class WatchedBody:
    """A multipart body that sees its closing delimiter pass.

    Django takes what has come for all that was sent, so of a connection that breaks between two
    files the first ones would be stored as if they were the whole request.
    """

    def __init__(self, body: IO[bytes], boundary: bytes) -> None:
        self.body, self.closing = body, b"--" + boundary + b"--"
        self.is_whole, self.tail = False, b""

    def read(self, size: int = -1) -> bytes:
        data = self.body.read(size)
        seen = self.tail + data
        self.is_whole = self.is_whole or self.closing in seen
        self.tail = seen[-len(self.closing) :]
        return data


class SentNameParser(MultiPartParser):
    """Django's parser, which keeps what it cuts off."""

    _files: MultiValueDict[str, UploadedFile[Any]]

    def sanitize_file_name(self, file_name: str) -> str:
        # As the HTML standard has it, a quotation mark is sent as %22.
        self._sent_name = html.unescape(file_name).replace("%22", '"')
        # Without a name Django drops the file, and the form would say that none was sent.
        return super().sanitize_file_name(file_name) or "unnamed"

    def handle_file_complete(self, old_field_name: str, counters: list[int]) -> None:
        super().handle_file_complete(old_field_name, counters)
        file = self._files.getlist(old_field_name)[-1]
        file.sent_name = self._sent_name  # type: ignore[attr-defined]


class SpoolHandler(FileUploadHandler):
    """Keeps all files of a request in one spool, in memory at first and on the disk beyond that.

    Django's own handlers hold each small file in memory and each large one open, which for a
    thousand files at once is gigabytes of the one or more open files than a process may have.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        # A size of 0 would mean without limit.
        self.spool = SpooledTemporaryFile(  # noqa: SIM115, lives as long as its slices
            max_size=max(1, settings.FILE_UPLOAD_MAX_MEMORY_SIZE),
            dir=settings.FILE_UPLOAD_TEMP_DIR,
        )

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.start = self.spool.tell()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.spool.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[Any]:
        return UploadedFile(
            cast(IO[Any], Slice(cast(IO[bytes], self.spool), self.start, file_size)),
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        self.spool.close()


class Slice(io.RawIOBase):
    """One file of the spool."""

    def __init__(self, spool: IO[bytes], start: int, size: int) -> None:
        self.spool, self.start, self.size = spool, start, size
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        if origin + offset < 0:
            # As of a file on the disk, which zipfile expects to find out an empty archive.
            raise OSError("There is nothing before the start of a file.")
        self.position = origin + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        self.spool.seek(self.start + self.position)
        data = self.spool.read(max(0, min(len(buffer), self.size - self.position)))
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)
