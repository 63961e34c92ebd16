"""What people say of the model's answers, and taking it back; each step adds rows."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier import audit
from classifier.models import Batch, Prediction, PredictionQuerySet, Review, Status
from classifier.services.permissions import check_reads

MOST_AT_ONCE: Final = 5_000
# Of steps of which nothing holds any more, undo looks past so many rows.
ROWS_LOOKED_BACK: Final = 500


class Locked(Exception):
    """The batch is signed, so that nothing in it is reviewed any more."""

    def __init__(self) -> None:
        super().__init__(
            "This batch is signed, so its reviews are locked. "
            "An administrator can reopen it, with a reason."
        )


class ReviewRefused(Exception):
    """A step that cannot be taken; nothing of it was kept."""


@dataclass(frozen=True)
class Step:
    """What a step did.

    Attributes:
        id: names all of its rows, to take it back; None where there was nothing to do.
        predictions: those that it changed, as they are now.
        left: those that it would have changed, had nobody reviewed them since.
        overridden: what others, or the same person elsewhere, said since the reader last looked.
    """

    id: uuid.UUID | None = None
    predictions: list[Prediction] = field(default_factory=list)
    left: list[Prediction] = field(default_factory=list)
    overridden: list[Review] = field(default_factory=list)


@transaction.atomic
def review(
    *,
    reader: User,
    predictions: PredictionQuerySet,
    label: str | None = None,
    note: str | None = None,
    confirm: bool = False,
    seen_at: datetime | None = None,
) -> Step:
    """Say what the images are, or note something; one step for all of them.

    Args:
        label: a class, "none of these" or "cannot tell"; None leaves what holds.
        note: likewise; empty takes the note away.
        confirm: instead of a label, for each the class that its model predicted.
        seen_at: when the reader last looked; what was said since is given as `overridden`.

    Raises ReviewRefused, Locked and permissions.NotAllowed.
    """
    if label is None and note is None and not confirm:
        raise ReviewRefused("Give a label or a note.")
    rows = _locked(predictions)
    check_reads(reader, rows)
    if any(row.status != Status.SUCCESS for row in rows):
        raise ReviewRefused("Only results can be reviewed; some of these have none (yet).")
    reviews = [
        Review(
            prediction=row,
            label=row.predicted_label if confirm else _possible(row, label),
            note=row.note if note is None else note,
        )
        for row in rows
    ]
    since = [row for row in rows if seen_at and row.reviewed_at and row.reviewed_at > seen_at]
    overridden = list(last_reviews(since).values())
    return _write(reader, Review.Action.REVIEW, reviews, overridden=overridden)


def _possible(prediction: Prediction, label: str | None) -> str:
    """The label, or what holds where none is given. Raises ReviewRefused."""
    if label is None:
        return prediction.reviewed_label
    if label not in prediction.possible_labels:
        raise ReviewRefused(f"“{label}” is none of: {'; '.join(prediction.possible_labels)}.")
    return label


@transaction.atomic
def undo(*, reader: User, batch: Batch | None = None) -> Step:
    """Take back the reader's last step that still holds anywhere; nothing where there is none.

    Raises Locked.
    """
    steps = _standing(reader, batch).exclude(action=Review.Action.UNDO)
    return _withdraw_first(reader, Review.Action.UNDO, steps)


@transaction.atomic
def redo(*, reader: User, batch: Batch | None = None) -> Step:
    """Take back the reader's last undo, unless they went on with something else since.

    Raises Locked.
    """
    steps = _standing(reader, batch).exclude(action=Review.Action.REDO)
    last = steps.first()
    if last is None or last.action != Review.Action.UNDO:
        return Step()
    return _withdraw_first(reader, Review.Action.REDO, steps.filter(step=last.step))


def last_reviews(predictions: Iterable[Prediction]) -> dict[Prediction, Review]:
    """What holds of each prediction that anyone reviewed: who said it, and when."""
    rows = list(predictions)
    reviews = Review.objects.open().filter(prediction__in=rows).order_by("pk")
    by_key = {each.prediction_id: each for each in reviews.select_related("reader")}
    return {row: by_key[row.pk] for row in rows if row.pk in by_key}


def _standing(reader: User, batch: Batch | None) -> QuerySet[Review]:
    steps = Review.objects.standing_of(reader)
    return steps.filter(prediction__batch=batch) if batch else steps


def _withdraw_first(reader: User, action: Review.Action, steps: QuerySet[Review]) -> Step:
    """Withdraw the first of these steps of which anything still holds."""
    recent = dict.fromkeys(steps.values_list("step", flat=True)[:ROWS_LOOKED_BACK])
    left: list[Prediction] = []
    for step in recent:
        done = _withdraw(reader, action, step)
        left += done.left
        if done.id:
            return replace(done, left=left)
    return Step(left=left)


def _withdraw(reader: User, action: Review.Action, step: uuid.UUID) -> Step:
    """Add rows that say again what held before, where nobody went on from the rows of a step."""
    withdrawn = {
        each.prediction_id: each
        for each in Review.objects.filter(step=step, withdrawn_by__isnull=True)
    }
    rows = _locked(Prediction.objects.filter(pk__in=list(withdrawn)))
    histories: dict[uuid.UUID, _History] = defaultdict(_History)
    for review in Review.objects.open().filter(prediction__in=rows).order_by("pk"):
        histories[review.prediction_id].add(review)
    reviews, left = [], []
    for row in rows:
        history, current = histories[row.pk], withdrawn[row.pk]
        if not history.can_withdraw(current):
            left.append(row)
            continue
        again = history.before(current)
        label, note = (again.label, again.note) if again else ("", "")
        reviews.append(Review(prediction=row, label=label, note=note, withdraws=current))
    return _write(reader, action, reviews, left=left)


@dataclass
class _History:
    """The steps about one prediction, replayed.

    Attributes:
        standing: reviews that hold or would hold again if the later ones were undone.
        origins: by the key of each row the review that it made, undid or did again.
        left_by: by the key of each undo what it left standing.
    """

    standing: list[Review] = field(default_factory=list)
    origins: dict[int, Review] = field(default_factory=dict)
    left_by: dict[int, list[Review]] = field(default_factory=dict)

    def add(self, row: Review) -> None:
        origin = row if row.withdraws_id is None else self.origins[row.withdraws_id]
        self.origins[row.pk] = origin
        if row.action == Review.Action.UNDO:
            self.standing = self.standing[:-1]
            self.left_by[row.pk] = self.standing
        else:
            self.standing = [*self.standing, origin]

    def can_withdraw(self, row: Review) -> bool:
        """Whether what it left is what holds."""
        if row.action == Review.Action.UNDO:
            return self.standing == self.left_by[row.pk]
        return self.standing[-1:] == [self.origins[row.pk]]

    def before(self, row: Review) -> Review | None:
        """What held before it; None for nothing."""
        if row.action == Review.Action.UNDO:
            return self.origins[row.pk]
        return self.standing[-2] if len(self.standing) > 1 else None


def _locked(predictions: PredictionQuerySet) -> list[Prediction]:
    """The rows, which nobody else reviews or signs until the transaction ends.

    Batches first, which signing locks too. Raises Locked, and ReviewRefused for too many.
    """
    keys = list(predictions.kept().order_by().values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    if len(keys) > MOST_AT_ONCE:
        raise ReviewRefused(f"At most {MOST_AT_ONCE:,} results can be reviewed in one step.")
    chosen = Prediction.objects.filter(pk__in=keys)
    batches = Batch.objects.filter(pk__in=chosen.order_by().values("batch")).order_by("pk")
    if any(batch.is_signed for batch in batches.select_for_update(no_key=True)):
        raise Locked
    return list(chosen.order_by("pk").select_for_update(no_key=True))


def _write(
    reader: User,
    action: Review.Action,
    reviews: Sequence[Review],
    *,
    left: Sequence[Prediction] = (),
    overridden: Sequence[Review] = (),
) -> Step:
    """Add the rows of a step, and repeat on each prediction what now holds."""
    if not reviews:
        return Step(left=list(left))
    step, now = uuid.uuid4(), timezone.now()
    same: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for each in reviews:
        each.reader, each.step, each.action, each.created_at = reader, step, action, now
        same[each.label, each.note].append(each.prediction)
    Review.objects.bulk_create(reviews)
    for (label, note), rows in same.items():
        Prediction.objects.filter(pk__in=[row.pk for row in rows]).update(
            reviewed_label=label, note=note, reviewed_at=now
        )
    keys = [each.prediction_id for each in reviews]
    audit.record(
        audit.Action.REVIEWED,
        person=reader,
        keys=keys,
        number=len(keys),
        step=str(step),
        kind=action.value,
    )
    changed = Prediction.objects.filter(pk__in=keys)
    return Step(step, list(changed.in_order()), list(left), list(overridden))
