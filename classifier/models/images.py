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
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from classifier.models.access import may

logger = logging.getLogger(__name__)

IMAGE, THUMBNAIL = "image.png", "thumbnail.png"
# Under MEDIA_ROOT, for each of the two.
FOLDERS: Final = {IMAGE: "images", THUMBNAIL: "thumbnails"}
KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.png")
NAMES_AT_ONCE: Final = 500


def upload_path(image: "ImageUpload", filename: str) -> str:
    """Drawn from the key alone: nothing of what the person called the file reaches the disk."""
    return f"{FOLDERS[filename]}/{image.pk}.png"


class ImageUploadQuerySet(models.QuerySet["ImageUpload"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own, and those of one's projects and of what one has been given to read."""
        if may(user, "view", self.model):
            return self.all()
        if user.is_anonymous:
            return self.none()
        used = self.model.objects.filter(pk=OuterRef("pk"), predictions__deleted_at=None)
        shared = used.filter(
            Q(predictions__project__owner=user)
            | Q(predictions__project__memberships__user=user)
            | Q(
                predictions__batch__assignments__reader=user,
                predictions__batch__assignments__ended_at=None,
            )
        )
        return self.filter(Q(owner=user) | Exists(shared))

    def stored_bytes(self) -> int:
        return int(self.aggregate(total=models.Sum("stored_bytes"))["total"] or 0)


class ImageUpload(models.Model):
    """An image as a person sent it, turned upright, without its metadata, stored as PNG."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="image_uploads",
        db_index=False,
    )
    file = models.FileField(upload_to=upload_path)
    thumbnail = models.FileField(upload_to=upload_path)
    original_filename = models.CharField(max_length=255)
    path = models.CharField(
        max_length=1024,
        blank=True,
        help_text="Where it lay in the folder or archive that was sent, with the file's name.",
    )
    format = models.CharField(max_length=8, help_text="The file format as it was sent.")
    byte_size = models.PositiveIntegerField("size in bytes")
    stored_bytes = models.PositiveBigIntegerField(
        default=0, help_text="What its files take here, which is more than what was sent or less."
    )
    sha256 = models.CharField("SHA-256 of the file as it was sent", max_length=64)
    width = models.PositiveIntegerField(help_text="In pixels, upright.")
    height = models.PositiveIntegerField(help_text="In pixels, upright.")
    warnings = models.JSONField(
        default=list, help_text="Sentences about the file for whoever looks at its results."
    )
    is_synthetic = models.BooleanField(
        "synthetic", default=False, help_text="One of the drawn samples, not a photograph."
    )
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)

    original_dropped_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When retention deleted the image itself; its thumbnail and results are kept.",
    )

    objects = ImageUploadQuerySet.as_manager()

    class Meta:
        ordering = ("-uploaded_at",)
        indexes: ClassVar = [
            # identical_to: the same file that a person sent before.
            models.Index(fields=["owner", "sha256"], name="image_own_content"),
        ]

    def __str__(self) -> str:
        return self.original_filename

    @property
    def shown_path(self) -> str:
        """What tells apart files of the same name in several folders."""
        return self.path or self.original_filename

    def measure_files(self) -> None:
        """Set `stored_bytes`; a small picture is its own thumbnail, and counts once."""
        files = {file.name: file for file in (self.file, self.thumbnail)}
        self.stored_bytes = sum(file.size for file in files.values())

    def drop_original(self) -> int:
        """Delete the image and keep its thumbnail; returns how many bytes that freed.

        The file first: should the row not be written, the next time makes up for it.
        """
        before = self.stored_bytes
        self.file.storage.delete(str(self.file.name))
        self.stored_bytes = self.thumbnail.size
        self.original_dropped_at = timezone.now()
        self.save(update_fields=["stored_bytes", "original_dropped_at"])
        return int(before - self.stored_bytes)

    @property
    def shown_file(self) -> FieldFile:
        """What there is to look at: the image, or its thumbnail once the image was dropped."""
        return self.thumbnail if self.original_dropped_at else self.file

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
        for names in _names_of_keys(Path(FOLDERS[filename]), limit):
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
