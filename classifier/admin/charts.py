"""Charts of the administrator's desk, drawn by `web/partials/chart.html`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from classifier.models import Status
from classifier.services.desk import Period
from classifier.services.desk.overview import Step
from classifier.web.charts import Chart, Line, across, line_points, steps, upward

KINDS: Final = {
    Status.SUCCESS: ("strong", "Succeeded"),
    Status.PENDING: ("dashed", "Not finished"),
    Status.FAILURE: ("failed", "Failed"),
}
TIME_TICKS: Final = 5


def predictions_chart(period: Period, found: Sequence[Step]) -> Chart:
    """How many were sent in each step of a period, by what became of them."""
    words = [
        f"{step.start:%d %b}" if period.is_daily else f"{step.start:%d %b %H:%M}" for step in found
    ]
    every = -(-len(found) // TIME_TICKS)
    marks = range(0, len(found), every)
    short = [f"{found[mark].start:{'%d %b' if period.key != '24h' else '%H:%M'}}" for mark in marks]
    x = replace(across("Sent, UTC", marks, max(len(found) - 1, 1)), words=short)
    most = max((count for step in found for count in step.counts.values()), default=0)
    y = upward("Predictions", steps(0, max(most, 5)))
    legend = [
        Line(
            kind,
            line_points(x, y, [(n, step.counts[status]) for n, step in enumerate(found)]),
            word,
        )
        for status, (kind, word) in KINDS.items()
    ]
    unit = "day" if period.is_daily else f"{period.step.seconds // 3600} h"
    return Chart(
        slug="predictions",
        title="Predictions by status",
        description=f"{period.words}: how many were sent in each {unit}, by their status now.",
        x=x,
        y=y,
        lines=legend,
        legend=legend,
        columns=["From", *(word for _, word in KINDS.values())],
        rows=[
            [word, *(f"{step.counts[status]:,}" for status in KINDS)]
            for word, step in zip(words, found, strict=True)
        ],
    )
