"""Makes a creation safe to repeat: the same key and request give what the first one gave."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from classifier.models import Batch, IdempotencyKey, Prediction


class KeyReused(Exception):
    """The key came with another request before."""


class AlreadyDone(Exception):
    """The same request was stored while this one was being read."""


@dataclass(frozen=True)
class RepeatableRequest:
    """A creation with an Idempotency-Key."""

    owner: User
    key: str
    fingerprint: str

    def find(self) -> IdempotencyKey | None:
        """What this request created before, if it did. Raises KeyReused."""
        keys = IdempotencyKey.objects.current().select_related("batch")
        known = keys.filter(owner=self.owner, key=self.key).first()
        if known is None:
            return None
        if known.fingerprint != self.fingerprint:
            raise KeyReused
        is_kept = (
            known.batch.deleted_at is None if known.batch else known.predictions.kept().exists()
        )
        return known if is_kept else None

    def remember(
        self, *, batch: Batch | None = None, predictions: Sequence[Prediction] = ()
    ) -> None:
        """Store the key with what it created, inside of the caller's transaction."""
        mine = IdempotencyKey.objects.filter(owner=self.owner, key=self.key)
        IdempotencyKey.objects.expired().delete()
        standing = mine.filter(
            Q(batch__isnull=False, batch__deleted_at=None)
            | Q(predictions__isnull=False, predictions__deleted_at=None)
        )
        # What it made was deleted: the key stands for nothing any more.
        mine.exclude(pk__in=standing.values("pk")).delete()
        try:
            with transaction.atomic():
                known = IdempotencyKey.objects.create(
                    owner=self.owner, key=self.key, fingerprint=self.fingerprint, batch=batch
                )
        except IntegrityError as error:
            raise AlreadyDone from error
        known.predictions.set(predictions)


def fingerprint(what: str, fields: dict[str, Any], files: Iterable[tuple[str, BinaryIO]]) -> str:
    """SHA-256 of a request: its fields, and each file's name and content.

    Not of the body's bytes, whose multipart boundary is drawn anew for each request.
    """
    sent = [(name, digest(file)) for name, file in files]
    return hashlib.sha256(json.dumps([what, fields, sent], sort_keys=True).encode()).hexdigest()


def digest(file: BinaryIO) -> str:
    """SHA-256 of a file's content, which is read from its start."""
    file.seek(0)
    found = hashlib.sha256()
    while block := file.read(2**20):
        found.update(block)
    return found.hexdigest()
