"""Keeps the file names of multipart uploads as they were sent.

Django's parser cuts paths and unprintable characters out of a file name before a form sees it, and
drops a file without a word when nothing is left. Here such names are to be refused aloud, so the
name as sent travels with the file, beside the safe one that Django makes.
"""

from __future__ import annotations

import html
from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser
from django.utils.datastructures import MultiValueDict


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
        return SentNameParser(META, cast(Any, input_data), others, encoding).parse()


class SentNameParser(MultiPartParser):
    """Django's parser, which keeps what it cuts off."""

    _files: MultiValueDict[str, UploadedFile[Any]]

    def sanitize_file_name(self, file_name: str) -> str:
        self._sent_name = html.unescape(file_name)
        # Without a name Django drops the file, and the form would say that none was sent.
        return super().sanitize_file_name(file_name) or "unnamed"

    def handle_file_complete(self, old_field_name: str, counters: list[int]) -> None:
        super().handle_file_complete(old_field_name, counters)
        file = self._files.getlist(old_field_name)[-1]
        file.sent_name = self._sent_name  # type: ignore[attr-defined]
