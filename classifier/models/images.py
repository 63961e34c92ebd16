"""Uploaded images and their files."""

import logging
import mimetypes
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from classifier.models.access import may
from classifier.models.usage import Usage

logger = logging.getLogger(__name__)

IMAGE, THUMBNAIL = "image", "thumbnail"
# Under MEDIA_ROOT, for each of the two.
FOLDERS: Final = {IMAGE: "images", THUMBNAIL: "thumbnails"}
FORMATS: Final = ("png", "jpg")
KEY: Final = re.compile(
    rf"[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\.({'|'.join(FORMATS)})"
)
NAMES_AT_ONCE: Final = 500
LAST_CHARACTER: Final = "\U0010ffff"


def upload_path(image: "ImageUpload", filename: str) -> str:
    """Drawn from the key alone: nothing of what the person called the file reaches the disk.

    Args:
        filename: which of its files, and the format, such as "image.png".
    """
    kind, format = filename.split(".")
    return f"{FOLDERS[kind]}/{image.pk}.{format}"


def content_type(file: FieldFile) -> str:
    """Of a stored file, such as "image/png"."""
    return mimetypes.guess_type(str(file.name))[0] or "application/octet-stream"


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
        labelled = self.model.objects.filter(pk=OuterRef("pk")).filter(
            Q(labelled_images__labelled_set__project__owner=user)
            | Q(labelled_images__labelled_set__project__memberships__user=user)
        )
        return self.filter(Q(owner=user) | Exists(shared) | Exists(labelled))

    def unused(self) -> Self:
        """Those that no result and no labelled set needs."""
        return self.filter(predictions=None, labelled_images=None)

    def named(self, start: str) -> Self:
        """Those whose file names begin so, by an index; SQLite takes none for LIKE."""
        if connection.vendor == "sqlite":
            names = (start, f"{start}{LAST_CHARACTER}")
            return self.filter(original_filename__gte=names[0], original_filename__lt=names[1])
        return self.filter(original_filename__startswith=start)

    def stored_bytes(self) -> int:
        return int(self.aggregate(total=models.Sum("stored_bytes"))["total"] or 0)

    def bulk_create(self, objs: Iterable["ImageUpload"], *args: Any, **kwargs: Any) -> Any:
        created = super().bulk_create(objs, *args, **kwargs)
        stored: Counter[int] = Counter()
        for image in created:
            stored[image.owner_id] += image.stored_bytes
        for owner_id, amount in stored.items():
            Usage.objects.store(owner_id, amount)
        return created

    def delete(self) -> Any:
        """What their files took is given back once for each owner; see `delete_files`."""
        taken = self.order_by().values_list("owner").annotate(models.Sum("stored_bytes"))
        with transaction.atomic():
            amounts = list(taken)
            deleted = super().delete()
            for owner_id, amount in amounts:
                Usage.objects.give_back(owner_id, amount)
        return deleted

    delete.alters_data = delete.queryset_only = True  # type: ignore[attr-defined]


class ImageUpload(models.Model):
    """An image as a person sent it, turned upright, without its metadata, stored as JPEG or PNG."""

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
            # The administrator's list of everyone's, newest first.
            models.Index(fields=["-uploaded_at", "-id"], name="image_newest"),
            # identical_to: the same file that a person sent before.
            models.Index(fields=["owner", "sha256"], name="image_own_content"),
            # stored_bytes of a person and of all, read from the index alone.
            models.Index(fields=["owner", "stored_bytes"], name="image_own_bytes"),
            # named: the start of a file name, among everyone's.
            models.Index(
                fields=["original_filename"],
                name="image_filename",
                opclasses=["varchar_pattern_ops"],
            ),
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
        freed = int(before - self.stored_bytes)
        Usage.objects.give_back(self.owner_id, freed)
        return freed

    @property
    def shown_file(self) -> FieldFile:
        """What there is to look at: the image, or its thumbnail once the image was dropped."""
        return self.thumbnail if self.original_dropped_at else self.file

    def remove_files(self) -> None:
        """Remove what is on the disk, whole or not; what cannot be removed is named in the log."""
        for file, kind in ((self.file, IMAGE), (self.thumbnail, THUMBNAIL)):
            # A file that could not be written to its end has no name yet.
            unnamed = (upload_path(self, f"{kind}.{format}") for format in FORMATS)
            try:
                for name in [file.name] if file.name else unnamed:
                    file.storage.delete(name)
            except OSError:
                logger.exception("A file of image %s could not be removed", self.pk)


def orphaned_files(*, older_than: timedelta) -> Iterator[str]:
    """Names of stored files without an image row, as a killed web process leaves them.

    Args:
        older_than: more than any upload takes, whose files are there before its rows.
    """
    limit = time.time() - older_than.total_seconds()
    for folder in FOLDERS.values():
        for names in _names_of_keys(Path(folder), limit):
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


@receiver(post_save, sender=ImageUpload)
def count_files(
    sender: type[ImageUpload], instance: ImageUpload, created: bool, **kwargs: Any
) -> None:
    if created:
        Usage.objects.store(instance.owner_id, instance.stored_bytes)


@receiver(post_delete, sender=ImageUpload)
def delete_files(
    sender: type[ImageUpload], instance: ImageUpload, origin: Any = None, **kwargs: Any
) -> None:
    """However the row goes (a page, the admin, a deleted account), its files go with it."""
    if not isinstance(origin, ImageUploadQuerySet):
        Usage.objects.give_back(instance.owner_id, instance.stored_bytes)
    transaction.on_commit(instance.remove_files)
