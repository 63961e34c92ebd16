"""Deleting: first into the trash, from which it comes back, and then for good."""

from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier import audit
from classifier.models import Batch, Prediction, PredictionQuerySet, Status, may
from classifier.services.permissions import NotAllowed, check_owns
from classifier.services.queueing import ring_on_commit
from classifier.services.reviews import Locked

EMPTIED_AT_ONCE: Final = 500


@transaction.atomic
def trash_predictions(*, person: User, predictions: PredictionQuerySet) -> int:
    """Put results into the trash for `TRASH_DAYS`; what waits is not run meanwhile.

    Returns how many. Raises NotAllowed unless all are the person's own, or they may delete others',
    and Locked where one is of a signed batch.
    """
    rows = predictions.kept()
    if not may(person, "delete", Prediction) and rows.exclude(owner=person).exists():
        raise NotAllowed("Only the owner of a result can delete it.")
    if rows.filter(batch__signed_at__isnull=False).exists():
        raise Locked
    keys = list(rows.order_by().values_list("pk", flat=True)[: audit.NAMED])
    number = int(rows.update(deleted_at=timezone.now()))
    if number:
        audit.record(audit.Action.TRASHED, person=person, keys=keys, number=number)
    return number


@transaction.atomic
def trash_batch(*, person: User, batch: Batch) -> None:
    """Put a batch and its results into the trash. Raises NotAllowed and Locked."""
    check_owns(person, batch)
    if batch.is_signed:
        raise Locked
    now = timezone.now()
    Batch.objects.kept().filter(pk=batch.pk).update(deleted_at=now)
    number = batch.predictions.kept().update(deleted_at=now)
    audit.record(audit.Action.TRASHED, person=person, subject=batch, number=number)


@transaction.atomic
def restore(*, owner: User, predictions: PredictionQuerySet) -> int:
    """Take results out of the trash, each with its batch; returns how many."""
    trashed = predictions.in_trash_of(owner)
    keys = list(trashed.values_list("pk", flat=True))
    chosen = Prediction.objects.filter(pk__in=keys)
    Batch.objects.filter(pk__in=chosen.order_by().values("batch")).update(deleted_at=None)
    restored = chosen.update(deleted_at=None)
    if keys:
        audit.record(audit.Action.RESTORED, person=owner, keys=keys, number=len(keys))
    for prediction in chosen.filter(status=Status.PENDING).select_related("trained_model"):
        ring_on_commit(prediction.trained_model)
    return int(restored)


def empty(*, owner: User) -> int:
    """Delete for good what a person has in the trash, some at a time; returns how many went."""
    trashed = list(Prediction.objects.in_trash_of(owner)[:EMPTIED_AT_ONCE])
    for prediction in trashed:
        delete_prediction(prediction=prediction, person=owner)
    return len(trashed)


@transaction.atomic
def delete_prediction(*, prediction: Prediction, person: User | None = None) -> None:
    """Delete a prediction for good, and its image with the files once nothing else uses it."""
    audit.record(
        audit.Action.ERASED, person=person, subject=prediction, image=str(prediction.image_id)
    )
    prediction.delete_with_image()
