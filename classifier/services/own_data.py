"""All that is kept of a person, as a zip that is sent while it is made.

Nothing of it is stored: a copy of health data that lies around would have to be guarded and to
expire. However much there is, one image at a time is in memory.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from classifier.models import (
    ApiToken,
    Batch,
    ImageUpload,
    LabelledImage,
    LabelledSet,
    Prediction,
    Project,
    Review,
    Validation,
    Webhook,
)
from classifier.notice import NOTICE
from classifier.services.zips import Pipe

ROWS_AT_ONCE: Final = 500
# A file for each: whose rows, and which columns of theirs.
TABLES: Final[dict[str, tuple[Callable[[User], QuerySet[Any]], tuple[str, ...]]]] = {
    "images": (
        lambda person: ImageUpload.objects.filter(owner=person),
        ("id", "original_filename", "path", "width", "height", "sha256", "uploaded_at"),
    ),
    "predictions": (
        lambda person: Prediction.objects.filter(owner=person),
        (
            "id", "image_id", "batch_id", "trained_model__slug", "model_version", "status", "crop",
            "predicted_label", "confidence", "probabilities", "in_distribution", "error_message",
            "created_at", "finished_at", "deleted_at",
        ),
    ),
    "reviews": (
        lambda person: Review.objects.filter(reader=person),
        ("id", "prediction_id", "action", "label", "note", "created_at"),
    ),
    "batches": (
        lambda person: Batch.objects.filter(owner=person),
        ("id", "name", "project__name", "created_at", "signed_at"),
    ),
    "projects": (
        lambda person: Project.objects.filter(owner=person),
        ("id", "name", "created_at"),
    ),
    "labelled_sets": (
        lambda person: LabelledSet.objects.filter(owner=person),
        ("id", "name", "dataset", "created_at", "confirmed_at"),
    ),
    "labelled_images": (
        lambda person: LabelledImage.objects.filter(labelled_set__owner=person),
        ("labelled_set_id", "image_id", "path", "label", "group"),
    ),
    "validations": (
        lambda person: Validation.objects.filter(person=person),
        ("id", "labelled_set_id", "trained_model__slug", "status", "created_at", "finished_at"),
    ),
    "tokens": (
        lambda person: ApiToken.objects.filter(user=person),
        ("name", "scope", "created_at", "expires_at", "last_used_at"),
    ),
    "webhooks": (
        lambda person: Webhook.objects.filter(owner=person),
        ("url", "on_predictions", "on_batches", "on_alarms", "created_at"),
    ),
}  # fmt: skip


def zip_pieces(person: User) -> Iterator[bytes]:
    """The archive, piece by piece: tables as lines of JSON, then images as they are stored."""
    target = Pipe()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        fields = ("username", "email", "first_name", "last_name", "date_joined", "last_login")
        account = {field: getattr(person, field) for field in fields}
        archive.writestr("account.json", _written({**account, "notice": NOTICE}))
        for name, (rows_of, columns) in TABLES.items():
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                rows = rows_of(person).order_by("pk").values(*columns)
                for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
                    file.write(_written(row) + b"\n")
                    yield target.taken()
        images = ImageUpload.objects.filter(owner=person).order_by("pk")
        for image in images.iterator(chunk_size=ROWS_AT_ONCE):
            stored = image.shown_file
            entry = zipfile.ZipInfo(f"images/{image.pk}{Path(str(stored.name)).suffix}")
            try:
                with stored.open() as source:
                    archive.writestr(entry, source.read())  # compressed already
            except OSError:
                continue  # deleted meanwhile
            yield target.taken()
    yield target.taken()


def _written(row: dict[str, Any]) -> bytes:
    return json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False).encode()
