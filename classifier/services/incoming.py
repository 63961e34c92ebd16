"""Files of a request as the files of a batch: images one by one, and what archives hold."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO, TypeAlias, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from classifier.idempotency import digest
from classifier.services.submission import SentFile
from classifier.uploads.archives import SIGNATURE, Archive, Entry
from classifier.uploads.handlers import sent_name
from classifier.uploads.images import UploadedPicture, read_image
from classifier.uploads.names import path_name

Upload: TypeAlias = "UploadedFile[Any]"


def read_upload(file: Upload, frame: int | None = None) -> UploadedPicture:
    """A file of the request as a picture. Raises UploadRejected.

    Args:
        frame: which one of a DICOM file that holds several, counted from 1.
    """
    return _read(cast(BinaryIO, file), sent_name(file), file.size or 0, frame=frame)


def sent_images(uploads: Sequence[Upload]) -> list[SentFile]:
    """Images as they came, not yet read, under the paths that browser or client give them."""
    images = []
    for file in uploads:
        path = path_name(sent_name(file))
        read = partial(_read, cast(BinaryIO, file), path, file.size or 0, in_folder=True)
        images.append(SentFile(path, read))
    return images


def archived_images(upload: Upload) -> tuple[list[SentFile], int]:
    """The images of an archive, not yet read, and how many bytes they unpack to.

    Raises UploadRejected where it cannot be taken as a whole.
    """
    archive = Archive(
        cast(BinaryIO, upload),
        max_images=settings.MAX_BATCH_IMAGES,
        max_total_bytes=settings.MAX_BATCH_BYTES,
    )

    def read(entry: Entry) -> UploadedPicture:
        content = archive.open(entry, max_bytes=settings.MAX_UPLOAD_BYTES)
        return _read(content, entry.path, entry.info.file_size, in_folder=True)

    files = [SentFile(entry.path, partial(read, entry)) for entry in archive.entries]
    return files, sum(entry.info.file_size for entry in archive.entries)


def is_archive(upload: Upload) -> bool:
    """Whether it starts as a zip file does, whatever its name says."""
    upload.seek(0)
    start = upload.read(len(SIGNATURE))
    upload.seek(0)
    return bool(start == SIGNATURE)


def keyed_images(
    uploads: Sequence[Upload], paths: Sequence[str] = (), keys: Sequence[str] = ()
) -> list[SentFile]:
    """Images by the keys under which they can be sent again: SHA-256 of path and content.

    Args:
        paths: where each lay in its folder, with its name; without, its name alone.
        keys: the sender's own, one for each.
    """
    files = sent_images(uploads)
    paths = paths or [file.filename for file in files]
    keys = keys or [
        _key(path, digest(cast(BinaryIO, upload)))
        for path, upload in zip(paths, uploads, strict=True)
    ]
    return [
        replace(file, filename=path_name(path), key=key)
        for file, path, key in zip(files, paths, keys, strict=True)
    ]


def keyed_archived_images(upload: Upload) -> list[SentFile]:
    """The images of an archive by keys. Raises UploadRejected."""
    files, _ = archived_images(upload)
    whole = digest(cast(BinaryIO, upload))
    return [
        replace(file, key=_key(whole, number, file.filename)) for number, file in enumerate(files)
    ]


def _key(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _read(
    file: BinaryIO,
    filename: str,
    size: int,
    *,
    frame: int | None = None,
    in_folder: bool = False,
) -> UploadedPicture:
    return read_image(
        file,
        filename=filename,
        size=size,
        max_bytes=settings.MAX_UPLOAD_BYTES,
        max_pixels=settings.MAX_UPLOAD_PIXELS,
        frame=frame,
        in_folder=in_folder,
    )
