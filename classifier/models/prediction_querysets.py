"""Named queries of predictions: whose they are, which wait, how far a batch has come."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, models, transaction
from django.db.models import Count, F, Max, Min, Q, Subquery
from django.utils import timezone

from classifier.models.access import may
from classifier.models.batches import Assignment, Batch
from classifier.models.projects import Project
from classifier.models.trained import TrainedModel
from classifier.models.vocabulary import Certainty, ReviewState, Status

if TYPE_CHECKING:
    from classifier.models.predictions import Prediction


@dataclass(frozen=True)
class Progress:
    """How far a batch has come."""

    counts: dict[str, int]
    ran: int = 0
    first_started_at: datetime | None = None
    last_finished_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def unfinished(self) -> int:
        return self.counts[Status.PENDING] + self.counts[Status.STARTED]

    @property
    def finished_at(self) -> datetime | None:
        return None if self.unfinished else self.last_finished_at

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first result."""
        if not self.unfinished:
            return 0.0
        if not self.ran or self.first_started_at is None:
            return None
        passed = (timezone.now() - self.first_started_at).total_seconds()
        return round(self.unfinished * passed / self.ran, 1)


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def kept(self) -> Self:
        """All but what lies in the trash."""
        return self.filter(deleted_at__isnull=True)

    def in_trash_of(self, user: User | AnonymousUser) -> Self:
        return self.filter(owner_id=user.pk, deleted_at__isnull=False).order_by(
            "-deleted_at", "-pk"
        )

    def owned_by(self, user: User | AnonymousUser) -> Self:
        return self.kept().filter(owner_id=user.pk)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own and those of one's projects, but for what one is still to read blindly.

        To look one up; a list asks for `listed_for`, whose rows lie side by side in an index.
        """
        if may(user, "view", self.model):
            return self.kept()
        shared = Q(project__in=Project.objects.of(user).values("pk"))
        return self.kept().filter(Q(owner_id=user.pk) | (shared & ~self._hidden_from(user)))

    def listed_for(self, user: User | AnonymousUser, project: Project | None = None) -> Self:
        """One's own, or those of a project that one sees; staff who look after them see all."""
        if project is not None:
            return self.kept().filter(~self._hidden_from(user), project=project)
        return self.kept() if may(user, "view", self.model) else self.owned_by(user)

    def _hidden_from(self, user: User | AnonymousUser) -> Q:
        blind = Assignment.objects.hiding_from(user).exclude(batch__owner_id=user.pk)
        return Q(batch__isnull=False, batch__in=blind.values("batch"))

    def with_relations(self) -> Self:
        return self.select_related("image", "trained_model")

    def for_answers(self) -> Self:
        """With relations, but for the long descriptions of models, which no answer repeats."""
        described = ("trained_model__metadata", "trained_model__evaluation")
        return self.with_relations().defer(*described)

    def listed(self) -> Self:
        """With relations, for lists: each model is read once, and no join misleads the planner."""
        return self.prefetch_related("image", "trained_model")

    def out_of_distribution(self) -> Self:
        """Of images that do not look like what their model was trained on."""
        return self.filter(certainty=Certainty.UNLIKE)

    def flagged(self) -> Self:
        """Where the model would not decide alone, and nobody has looked yet."""
        return self.filter(
            certainty__in=[Certainty.UNLIKE, Certainty.UNDECIDED],
            review_state=ReviewState.UNREVIEWED,
        )

    def in_order(self) -> Self:
        """As they were sent."""
        return self.order_by("created_at", "pk")

    # The queue -------------------------------------------------------------------------------

    def unfinished(self) -> Self:
        """Waiting or running, by the one condition that SQLite finds in the index of these rows.

        It cannot see that a status sent as a parameter is among those of the index, and would look
        through everything that a model ever answered.
        """
        return self.filter(finished_at__isnull=True)

    def unfinished_of(self, user: User | AnonymousUser) -> Self:
        return self.kept().unfinished().filter(owner_id=user.pk)

    def overdue(self) -> Self:
        """Started so long ago that the process which claimed them cannot be alive."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        return self.unfinished().filter(status=Status.STARTED, started_at__lt=limit)

    def exhausted(self) -> Self:
        """Overdue, with every attempt used up."""
        return self.overdue().filter(attempts__gte=settings.PREDICTION_MAX_ATTEMPTS)

    def claimable(self, claim: str = "") -> Self:
        """Waiting, left behind by a dead process, or already this claim's own."""
        limit = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT)
        started = Q(started_at__lt=limit) | (Q(claim=claim) & ~Q(claim=""))
        return self.unfinished().filter(
            Q(status=Status.PENDING) | Q(Q(status=Status.STARTED) & started),
            attempts__lt=settings.PREDICTION_MAX_ATTEMPTS,
            deleted_at__isnull=True,
        )

    def in_line(self) -> Self:
        """What was tried before comes first, then everyone's first, everyone's second, …"""
        return self.order_by("-attempts", "turn", "created_at")

    def next_turn(self, user: User) -> int:
        """The turn of the next prediction that a person queues.

        It comes after what they have waiting, and for who has nothing waiting it is the turn that
        is running: so a single image goes before the second one of any batch.
        """
        turns = self.kept().unfinished().values("turn")
        own_last = turns.filter(owner=user).order_by("-turn")[:1]
        running = turns.filter(attempts=0).order_by("turn")[:1]
        asked = User.objects.filter(pk=user.pk).values_list(Subquery(own_last), Subquery(running))
        last, first = asked[0]
        return (first or 0) if last is None else max(first or 0, last + 1)

    def next_model(self, claim: str) -> TrainedModel | None:
        """The model of whoever is next in line; None when nothing waits."""
        waiting = self.claimable(claim).in_line()
        # Most often nothing waits any more, and composing a query costs by the column.
        key = waiting.values_list("trained_model", flat=True).first()
        if key is None:
            return None
        # Of a model's long descriptions, what it was measured at is of no use to who runs it.
        return TrainedModel.objects.defer("evaluation").get(pk=key)

    @transaction.atomic(savepoint=False)
    def claim_batch(
        self, trained_model: TrainedModel, claim: str, *, resumes: bool = True
    ) -> list["Prediction"]:
        """Take what is first in line of a model, as many as fit into one batch.

        A prediction that was tried before is taken alone: should its image be what kills the
        process, it then takes no other with it. Of two workers one chooses after the other on
        SQLite, and elsewhere passes over the rows that the other has locked; the UPDATE repeats
        the condition of the SELECT all the same.

        Args:
            resumes: whether rows of this claim are of a process that died, and not in hand.
        """
        claimable = self.claimable(claim if resumes else "")
        waiting = claimable.filter(trained_model=trained_model).in_line()
        locked = waiting.select_for_update(skip_locked=True, no_key=True)
        first = list(locked.values_list("pk", "attempts")[: settings.PREDICTION_BATCH_SIZE])
        tried_before = bool(first and first[0][1])
        keys = [key for key, _ in (first[:1] if tried_before else first)]
        if not keys:
            return []
        claimable.filter(pk__in=keys).update(
            status=Status.STARTED,
            claim=claim,
            started_at=timezone.now(),
            attempts=F("attempts") + 1,
        )
        taken = self.filter(pk__in=keys, status=Status.STARTED, claim=claim)
        claimed = list(taken.select_related("image").order_by("turn", "created_at"))
        for prediction in claimed:
            # Reading the model anew for each row would take longer than a small network does.
            prediction.trained_model = trained_model
        return claimed

    @transaction.atomic(savepoint=False)
    def write_claimed(self, predictions: Iterable["Prediction"], fields: Sequence[str]) -> None:
        """Write fields of predictions, each only where its claim still holds.

        A row that was deleted, taken over or finished meanwhile stays as it is. One statement runs
        for all rows: `update` in a loop composes its SQL anew for each, and takes six times as
        long, `bulk_update` longer still.
        """
        known = {field.name: field for field in self.model._meta.concrete_fields}
        columns = [known[name] for name in (*fields, "id", "claim")]
        assignments = ", ".join(f"{column.column} = %s" for column in columns[:-2])
        rows = [
            [
                column.get_db_prep_save(column.value_from_object(row), connection)
                for column in columns
            ]
            for row in predictions
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {self.model._meta.db_table} SET {assignments} "  # noqa: S608, names of ours
                f"WHERE id = %s AND claim = %s AND status = '{Status.STARTED}'",
                rows,
            )

    def hand_back(self, predictions: Sequence["Prediction"]) -> None:
        """Let others take up what was claimed, as if it had not been tried."""
        keys = {prediction.pk for prediction in predictions}
        claims = {prediction.claim for prediction in predictions}
        self.filter(pk__in=keys, claim__in=claims, status=Status.STARTED).update(
            status=Status.PENDING, claim="", started_at=None, attempts=F("attempts") - 1
        )

    def progress(self, batches: Iterable[Batch]) -> dict[uuid.UUID, Progress]:
        """How far each of the batches has come, in one query."""
        keys = [batch.pk for batch in batches]
        rows = (
            self.kept()
            .filter(batch__in=keys)
            .order_by()
            .values("batch_id")
            .annotate(
                **{status: Count("pk", Q(status=status)) for status in Status.values},
                # What was cancelled ended without having run, and says nothing about the pace.
                ran=Count("pk", Q(finished_at__isnull=False, started_at__isnull=False)),
                first_started_at=Min("started_at"),
                last_finished_at=Max("finished_at"),
            )
        )
        found = {row["batch_id"]: _progress({**row}) for row in rows}
        return {key: found.get(key, Progress(dict.fromkeys(Status.values, 0))) for key in keys}

    def review_states(self, batches: Iterable[Batch]) -> dict[uuid.UUID, dict[str, int]]:
        """How many answers of each batch are in each state of review, in one query."""
        keys = [batch.pk for batch in batches]
        answered = self.kept().filter(batch__in=keys, status=Status.SUCCESS).order_by()
        rows = answered.values_list("batch_id", "review_state").annotate(number=Count("pk"))
        found: dict[uuid.UUID, dict[str, int]] = {
            key: dict.fromkeys(ReviewState.values, 0) for key in keys
        }
        for key, state, number in rows:
            found[key][state] = number
        return found


def _progress(row: dict[str, Any]) -> Progress:
    return Progress(
        counts={status: row[status] for status in Status.values},
        ran=row["ran"],
        first_started_at=row["first_started_at"],
        last_finished_at=row["last_finished_at"],
    )
