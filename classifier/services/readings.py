"""Blind reading: people say what images are without knowing what the model said."""

import uuid

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier import audit
from classifier.models import Assignment, Batch, Prediction, PredictionQuerySet, Review, Status
from classifier.services.permissions import NotAllowed, check_owns
from classifier.services.projects import NoSuchPerson
from classifier.services.reviews import Locked, ReviewRefused


@transaction.atomic
def assign(*, person: User, batch: Batch, username: str) -> Assignment:
    """Give a batch to a reader; one that they read already is given as it is.

    From then on they see the model's answers only to what they have said themselves, also where
    they are a member of the batch's project. Raises NotAllowed, Locked and NoSuchPerson.
    """
    check_owns(person, batch)
    if batch.is_signed:
        raise Locked
    reader = User.objects.filter(username=username, is_active=True).first()
    if reader is None or reader.pk == batch.owner_id:
        raise NoSuchPerson(f"There is no “{username}” to whom it can be given.")
    return Assignment.objects.current().get_or_create(batch=batch, reader=reader)[0]


@transaction.atomic
def end(*, person: User, assignment: Assignment) -> None:
    """Readers say that they are done; owners can take them off. What they said stays.

    Raises NotAllowed.
    """
    if person.pk != assignment.reader_id:
        check_owns(person, assignment.batch)
    Assignment.objects.current().filter(pk=assignment.pk).update(ended_at=timezone.now())


def to_read(assignment: Assignment) -> PredictionQuerySet:
    """The results of the batch; what the model said is for `answers` to show or hide."""
    return assignment.batch.predictions.kept().filter(status=Status.SUCCESS)


def answers(assignment: Assignment, predictions: list[Prediction]) -> dict[uuid.UUID, Review]:
    """What the reader said last, by the predictions of which they said something."""
    reviews = assignment.reviews.filter(prediction__in=predictions).order_by("pk")
    return {each.prediction_id: each for each in reviews}


@transaction.atomic
def answer(
    *, reader: User, assignment: Assignment, prediction: Prediction, label: str, note: str = ""
) -> Review:
    """Say what an image is; saying it again adds a row, and the last one counts.

    Raises NotAllowed where the assignment has ended, Locked and ReviewRefused.
    """
    locked = Assignment.objects.select_for_update(no_key=True).get(pk=assignment.pk)
    batch = Batch.objects.select_for_update(no_key=True).get(pk=assignment.batch_id)
    if locked.reader_id != reader.pk or locked.ended_at:
        raise NotAllowed("This batch is not yours to read (any more).")
    if batch.is_signed:
        raise Locked
    if label not in prediction.possible_labels:
        raise ReviewRefused(f"“{label}” is none of: {'; '.join(prediction.possible_labels)}.")
    audit.record(audit.Action.REVIEWED, person=reader, subject=prediction, kind="blind reading")
    return Review.objects.create(
        prediction=prediction, reader=reader, assignment=locked, label=label, note=note
    )
