"""What happened in a period, in a number of queries that does not depend on how much it was."""

import shutil
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, Min, OuterRef, QuerySet, Value
from django.utils import timezone

from classifier.models import (
    Certainty,
    ImageUpload,
    Prediction,
    PredictionQuerySet,
    ReviewState,
    Status,
)
from classifier.services.desk.periods import Period
from classifier.services.desk.sql import Seconds
from classifier.statistics.intervals import Interval, wilson_interval

LAST_FAILURES: Final = 5
# Of so many the 95th percentile is known to within a third of a percentile point.
SAMPLE: Final = 5_000
FLAGGED: Final = (Certainty.UNDECIDED, Certainty.UNLIKE)
# Counted together, by the name of the first.
UNFINISHED: Final = [Status.PENDING, Status.STARTED]


@dataclass(frozen=True)
class Share:
    """A proportion of what was counted."""

    number: int
    of: int

    @property
    def share(self) -> float | None:
        return self.number / self.of if self.of else None

    @property
    def interval(self) -> Interval | None:
        """95 %, Wilson's."""
        return wilson_interval(self.number, self.of) if self.of else None


@dataclass(frozen=True)
class Step:
    """A stretch of the period, and how many of its predictions are in each status now."""

    start: datetime
    counts: Counter[str]


@dataclass(frozen=True)
class Percentiles:
    """Seconds that half of the predictions, and 95 of a hundred, took at most."""

    half: float
    most: float


@dataclass(frozen=True)
class Latency:
    """How long predictions waited and ran, of the last try each; None where none ran.

    Attributes:
        of: how many it was measured on, drawn at random where there are more than `SAMPLE`.
    """

    waiting: Percentiles | None
    running: Percentiles | None
    of: int


@dataclass(frozen=True)
class Overview:
    """What the administrator sees first."""

    period: Period
    steps: Sequence[Step]
    by_certainty: Counter[str]
    by_review: Counter[str]
    waiting: int
    oldest: datetime | None
    latency: Latency
    failures: Sequence[Prediction]
    active_people: int
    stored_bytes: int
    free_bytes: int
    disk_bytes: int

    @cached_property
    def by_status(self) -> Counter[str]:
        return sum((step.counts for step in self.steps), Counter())

    @property
    def sent(self) -> int:
        return self.by_status.total()

    @property
    def failed(self) -> Share:
        """Of what has ended."""
        ended = self.by_status[Status.FAILURE] + self.by_status[Status.SUCCESS]
        return Share(self.by_status[Status.FAILURE], ended)

    @property
    def flagged(self) -> Share:
        """What a model would not decide alone, of the answers of models that know their limits."""
        number = sum(self.by_certainty[each] for each in FLAGGED)
        return Share(number, self.by_certainty.total())

    @property
    def corrected(self) -> int:
        return self.by_review[ReviewState.CORRECTED]

    @property
    def agreement(self) -> Share:
        """Answers that readers confirmed, of those that they confirmed or corrected."""
        return Share(self.by_review[ReviewState.CONFIRMED], self.by_review.total())


def overview(period: Period) -> Overview:
    since = period.since()
    kept = Prediction.objects.kept()
    sent = kept.filter(created_at__gte=since)
    steps = _steps(kept, since, period.step)
    ended = sum(step.counts[Status.SUCCESS] + step.counts[Status.FAILURE] for step in steps)
    waiting = kept.unfinished().aggregate(n=Count("pk"), oldest=Min("created_at"))
    failed = sent.filter(status=Status.FAILURE).order_by("-created_at", "-pk")
    folder = Path(settings.MEDIA_ROOT)
    disk = shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.exists()))
    return Overview(
        period=period,
        steps=steps,
        by_certainty=_counts(sent, "certainty", [*FLAGGED, Certainty.ACCEPTED]),
        by_review=_counts(sent, "review_state", [ReviewState.CONFIRMED, ReviewState.CORRECTED]),
        waiting=waiting["n"],
        oldest=waiting["oldest"],
        latency=latency(sent, ended),
        failures=list(failed.listed().defer("probabilities")[:LAST_FAILURES]),
        active_people=active_people(since).count(),
        stored_bytes=ImageUpload.objects.all().stored_bytes(),
        free_bytes=disk.free,
        disk_bytes=disk.total,
    )


def _steps(predictions: PredictionQuerySet, since: datetime, length: timedelta) -> list[Step]:
    """Counted in one query, each number as a stretch of an index.

    To group rows by a function of their time would compute it for each of them.
    """
    steps, start, now = [], since, timezone.now()
    while start <= now:
        steps.append(Step(start, Counter()))
        start += length
    counts = [
        predictions.filter(status__in=statuses, created_at__gte=step.start)
        .filter(created_at__lt=step.start + length)
        .order_by()
        .values(step=Value(number), kind=Value(statuses[0].value))
        .annotate(number=Count("pk"))
        for number, step in enumerate(steps)
        for statuses in ([Status.SUCCESS], [Status.FAILURE], UNFINISHED)
    ]
    for row in counts[0].union(*counts[1:], all=True):
        steps[row["step"]].counts[row["kind"]] = row["number"]
    return steps


def _counts(predictions: PredictionQuerySet, field: str, values: Sequence[str]) -> Counter[str]:
    rows = predictions.filter(**{f"{field}__in": values}).order_by().values_list(field)
    return Counter(dict(rows.annotate(number=Count("pk"))))


def active_people(since: datetime) -> QuerySet[User]:
    """Who sent something since then."""
    sent = Prediction.objects.filter(owner=OuterRef("pk"), created_at__gte=since)
    return User.objects.filter(Exists(sent))


def latency(predictions: PredictionQuerySet, number: int) -> Latency:
    """How long they waited and ran; `number` is about how many of them have ended."""
    return _latency(_seconds(predictions, number).values())


def latency_by_model(predictions: PredictionQuerySet, number: int) -> dict[int, Latency]:
    """The same for each model by its key, from one sample."""
    measured: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for (model, _), seconds in _seconds(predictions, number).items():
        measured[model].append(seconds)
    return {model: _latency(seconds) for model, seconds in measured.items()}


def _seconds(
    predictions: PredictionQuerySet, number: int
) -> dict[tuple[int, uuid.UUID], tuple[float, float]]:
    """Waited and ran, by keys of model and prediction, of about `SAMPLE` at most."""
    ended = predictions.filter(finished_at__isnull=False, started_at__isnull=False)
    if number > SAMPLE:
        # Ids are random: those below a bound are a fair sample, and lie side by side in an index.
        ended = ended.filter(pk__lt=uuid.UUID(int=2**128 * SAMPLE // number))
    rows = ended.order_by().values_list(
        "trained_model_id",
        "pk",
        Seconds(F("started_at"), F("created_at")),
        Seconds(F("finished_at"), F("started_at")),
    )
    return {(model, key): (waited, ran) for model, key, waited, ran in rows}


def _latency(seconds: Collection[tuple[float, float]]) -> Latency:
    if not seconds:
        return Latency(None, None, 0)
    waiting, running = (
        Percentiles(*map(float, np.percentile(column, (50, 95))))
        for column in np.array(list(seconds)).T
    )
    return Latency(waiting, running, len(seconds))
