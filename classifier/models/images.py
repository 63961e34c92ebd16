"""Uploaded images and their files."""

import logging
import os
import re
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from classifier.models.access import may

logger = logging.getLogger(__name__)

IMAGE, THUMBNAIL = "image.png", "thumbnail.png"
KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.png")
NAMES_AT_ONCE: Final = 500


def upload_path(image: "ImageUpload", filename: str) -> str:
    """Drawn from the key alone: nothing of what the person called the file reaches the disk."""
    return f"{Path(filename).stem}s/{image.pk}.png"


class ImageUploadQuerySet(models.QuerySet["ImageUpload"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.all() if may(user, "view", self.model) else self.filter(owner_id=user.pk)


class ImageUpload(models.Model):
    """An image as a person sent it, turned upright, without its metadata, stored as PNG."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="image_uploads"
    )
    file = models.FileField(upload_to=upload_path)
    thumbnail = models.FileField(upload_to=upload_path)
    original_filename = models.CharField(max_length=255)
    format = models.CharField(max_length=8, help_text="The file format as it was sent.")
    byte_size = models.PositiveIntegerField("size in bytes")
    sha256 = models.CharField("SHA-256 of the file as it was sent", max_length=64)
    width = models.PositiveIntegerField(help_text="In pixels, upright.")
    height = models.PositiveIntegerField(help_text="In pixels, upright.")
    is_synthetic = models.BooleanField(
        "synthetic", default=False, help_text="One of the drawn samples, not a photograph."
    )
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ImageUploadQuerySet.as_manager()

    class Meta:
        ordering = ("-uploaded_at",)

    def __str__(self) -> str:
        return self.original_filename

    def remove_files(self) -> None:
        """Remove what is on the disk, whole or not; what cannot be removed is named in the log."""
        for file, filename in ((self.file, IMAGE), (self.thumbnail, THUMBNAIL)):
            try:
                # A file that could not be written to its end has no name yet.
                file.storage.delete(file.name or upload_path(self, filename))
            except OSError:
                logger.exception("A file of image %s could not be removed", self.pk)


def orphaned_files(*, older_than: timedelta) -> Iterator[str]:
    """Names of stored files without an image row, as a killed web process leaves them.

    Args:
        older_than: more than any upload takes, whose files are there before its rows.
    """
    limit = time.time() - older_than.total_seconds()
    for filename in (IMAGE, THUMBNAIL):
        for names in _names_of_keys(Path(upload_path(ImageUpload(), filename)).parent, limit):
            known = set(ImageUpload.objects.filter(pk__in=names).values_list("pk", flat=True))
            yield from (name for key, name in names.items() if key not in known)


def _names_of_keys(folder: Path, limit: float) -> Iterator[dict[uuid.UUID, str]]:
    """Some files at a time by their keys; what is younger or not named by a key is left out."""
    path = Path(default_storage.path(str(folder)))
    if not path.is_dir():
        return
    with os.scandir(path) as entries:
        old = (e.name for e in entries if KEY.fullmatch(e.name) and _is_older(e, limit))
        while some := list(islice(old, NAMES_AT_ONCE)):
            yield {uuid.UUID(Path(name).stem): str(folder / name) for name in some}


def _is_older(entry: "os.DirEntry[str]", limit: float) -> bool:
    try:
        return entry.stat().st_mtime < limit
    except FileNotFoundError:  # deleted with its row since the folder was read
        return False


@receiver(post_delete, sender=ImageUpload)
def delete_files(sender: type[ImageUpload], instance: ImageUpload, **kwargs: Any) -> None:
    """However the row goes (a page, the admin, a deleted account), its files go with it."""
    transaction.on_commit(instance.remove_files)
