"""Uploaded images and their files."""

import logging
import uuid
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

logger = logging.getLogger(__name__)

IMAGE, THUMBNAIL = "image.png", "thumbnail.png"


def upload_path(image: "ImageUpload", filename: str) -> str:
    """Drawn from the key alone: nothing of what the person called the file reaches the disk."""
    return f"{Path(filename).stem}s/{image.pk}.png"


class ImageUploadQuerySet(models.QuerySet["ImageUpload"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.all() if getattr(user, "is_staff", False) else self.filter(owner_id=user.pk)


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


@receiver(post_delete, sender=ImageUpload)
def delete_files(sender: type[ImageUpload], instance: ImageUpload, **kwargs: Any) -> None:
    """However the row goes (a page, the admin, a deleted account), its files go with it."""
    transaction.on_commit(instance.remove_files)
