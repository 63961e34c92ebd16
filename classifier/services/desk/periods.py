"""The periods that figures are given for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone


@dataclass(frozen=True)
class Period:
    """Back from now; charts have a point for each `step`."""

    key: str
    words: str
    length: timedelta
    step: timedelta

    @property
    def is_daily(self) -> bool:
        """Whether days are enough to count by."""
        return self.step >= timedelta(days=1)

    def since(self) -> datetime:
        """When it began: at the full hour, or day in UTC, so that no step is cut."""
        whole = timedelta(days=1) if self.is_daily else timedelta(hours=1)
        start = timezone.now().astimezone(UTC) - self.length + whole
        hour = 0 if self.is_daily else start.hour
        return start.replace(hour=hour, minute=0, second=0, microsecond=0)


DEFAULT_PERIOD: Final = "24h"
PERIODS: Final = {
    "24h": Period("24h", "Last 24 hours", timedelta(hours=24), timedelta(hours=1)),
    "7d": Period("7d", "Last 7 days", timedelta(days=7), timedelta(hours=6)),
    "30d": Period("30d", "Last 30 days", timedelta(days=30), timedelta(days=1)),
}
