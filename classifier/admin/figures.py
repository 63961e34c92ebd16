"""The figures of the overview, each with the list that it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from classifier.cards.numbers import NOTHING, Metric
from classifier.models import ReviewState, Status
from classifier.services.desk import Overview
from classifier.services.desk.overview import Percentiles, Share


@dataclass(frozen=True)
class Figure:
    """A number, what it is of, and where the rows behind it are."""

    title: str
    value: str
    note: str
    address: str


def figures(found: Overview) -> list[list[Figure]]:
    """Rows of figures: the work and its quality, then speed and space."""
    period = {"period": found.period.key}
    unfinished = {"status__exact": Status.PENDING}
    waited = duration(timezone.now() - found.oldest) if found.oldest else ""
    age = f"the oldest for {waited}" if waited else "nothing waits"
    interval = metric(found.agreement).percent_interval
    return [
        [
            Figure("Sent", f"{found.sent:,}", found.period.words, _predictions(period)),
            Figure("Waiting now", f"{found.waiting:,}", age, _predictions(unfinished)),
            Figure(
                "Failed",
                f"{found.failed.number:,}",
                f"{_percent(found.failed)} of what ended",
                _predictions({**period, "status__exact": Status.FAILURE}),
            ),
            Figure(
                "Flagged",
                _percent(found.flagged),
                f"{found.flagged.number:,} of {found.flagged.of:,} with limits",
                _predictions({**period, "certainty": "flagged"}),
            ),
            Figure(
                "Corrected",
                f"{found.corrected:,}",
                f"of {found.agreement.of:,} reviewed",
                _predictions({**period, "review_state__exact": ReviewState.CORRECTED}),
            ),
            Figure(
                "Reviewers agree",
                _percent(found.agreement),
                f"95 % interval {interval}" if interval else "nobody reviewed any",
                _predictions({**period, "review_state__exact": ReviewState.CONFIRMED}),
            ),
        ],
        [
            Figure("Wait, median", *_seconds(found.latency.waiting), _predictions(period)),
            Figure("Run, median", *_seconds(found.latency.running), _predictions(period)),
            Figure(
                "Active people",
                f"{found.active_people:,}",
                "sent something",
                f"{reverse('admin:auth_user_changelist')}?active={found.period.key}",
            ),
            Figure(
                "Images take",
                size(found.stored_bytes),
                "all people",
                reverse("admin:classifier_imageupload_changelist"),
            ),
            Figure(
                "Free disk",
                size(found.free_bytes),
                f"of {size(found.disk_bytes)}",
                reverse("admin:classifier_imageupload_changelist"),
            ),
        ],
    ]


def size(number: int) -> str:
    """Bytes in the unit that reads best."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1024:
            return f"{value:,.0f} {unit}"
        value /= 1024
    return f"{value:,.1f} GB"


def metric(share: Share) -> Metric:
    """As cards and pages write it."""
    return Metric(share.share, share.interval, share.of)


def _predictions(query: Mapping[str, str]) -> str:
    return f"{reverse('admin:classifier_prediction_changelist')}?{urlencode(query)}"


def _percent(share: Share) -> str:
    return metric(share).percent


def duration(passed: timedelta) -> str:
    """Such as 40 s, 12 min, 3 h or 2 days."""
    seconds = passed.total_seconds()
    for unit, length, until in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if seconds < until:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def _seconds(percentiles: Percentiles | None) -> tuple[str, str]:
    if percentiles is None:
        return NOTHING, "nothing has run"
    return f"{percentiles.half:.2f} s", f"95 % within {percentiles.most:.2f} s"
