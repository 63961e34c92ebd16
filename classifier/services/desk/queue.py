"""Running again what failed or was left behind, and taking back what was deleted."""

from collections import Counter
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from classifier.models import Prediction, PredictionQuerySet, Status, TrainedModel
from classifier.services.queueing import ring_on_commit
from classifier.services.trash import restore

# What is queued in one go; whoever has more presses the button again.
MOST_AT_ONCE: Final = 5_000
WRITTEN_AT_ONCE: Final = 500


@transaction.atomic
def requeue(predictions: PredictionQuerySet) -> int:
    """Queue what failed and what a dead worker left behind, each person's in turns of their own.

    What lies in the trash stays as it is. Returns how many were queued, at most `MOST_AT_ONCE`.
    """
    stuck = Q(pk__in=Prediction.objects.overdue().order_by().values("pk"))
    again = predictions.kept().filter(Q(status=Status.FAILURE) | stuck)
    rows = list(
        again.order_by("created_at", "pk")
        .select_related(None)
        .prefetch_related(None)
        .only("pk", "owner_id", "trained_model_id")[:MOST_AT_ONCE]
    )
    owners = User.objects.in_bulk({row.owner_id for row in rows})
    turns = {key: Prediction.objects.next_turn(owner) for key, owner in owners.items()}
    for row in rows:
        row.turn = turns[row.owner_id]
        turns[row.owner_id] += 1
    Prediction.objects.bulk_update(rows, ["turn"], batch_size=WRITTEN_AT_ONCE)
    for first in range(0, len(rows), WRITTEN_AT_ONCE):
        keys = [row.pk for row in rows[first : first + WRITTEN_AT_ONCE]]
        Prediction.objects.filter(pk__in=keys).update(
            status=Status.PENDING,
            attempts=0,
            claim="",
            error_message="",
            started_at=None,
            finished_at=None,
        )
    numbers = Counter(row.trained_model_id for row in rows)
    for model in TrainedModel.objects.filter(pk__in=numbers):
        ring_on_commit(model, times=-(-numbers[model.pk] // settings.PREDICTION_BATCH_SIZE))
    return len(rows)


@transaction.atomic
def take_back(predictions: PredictionQuerySet) -> int:
    """Take results of anyone out of the trash, each with its batch; returns how many."""
    trashed = predictions.filter(deleted_at__isnull=False).order_by()
    owners = User.objects.filter(pk__in=trashed.values("owner"))
    return sum(restore(owner=owner, predictions=predictions) for owner in owners)
