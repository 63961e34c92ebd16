"""How much one person may use up, and how much they have."""

import errno
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User

from classifier.models import Explanation, PersonLimits, Prediction, Usage

MINUTE: Final = 60
DAY: Final = 24 * 3600
MEGABYTE: Final = 2**20
# Waiting predictions become fewer by the second; asking more often helps nobody.
RETRY_WAITING_AFTER: Final = 30


class QuotaExceeded(Exception):
    """A limit is reached; `retry_after` seconds later it may not be any more."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.message, self.retry_after = message, retry_after


class BeyondLimit(Exception):
    """One request asks for more than a limit allows at all; waiting would not help."""


class NoRoom(BeyondLimit):
    """The person's images would take more than may be stored for them."""


@dataclass(frozen=True)
class Limits:
    """What one person may use up."""

    waiting_predictions: int
    bytes_per_day: int
    stored_bytes: int


def limits_of(user: User) -> Limits:
    """Their own where an administrator set some, else what holds for all."""
    own = PersonLimits.objects.filter(user=user).first() or PersonLimits()

    def chosen(value: int | None, default: int, unit: int = 1) -> int:
        return default if value is None else value * unit

    return Limits(
        chosen(own.waiting_predictions, settings.MAX_WAITING_PREDICTIONS),
        chosen(own.megabytes_per_day, settings.MAX_BYTES_PER_DAY, MEGABYTE),
        chosen(own.stored_megabytes, settings.MAX_STORED_BYTES_PER_PERSON, MEGABYTE),
    )


@dataclass(frozen=True)
class Used:
    """What a person has used up of each limit."""

    requests_this_minute: int
    waiting_predictions: int
    waiting_explanations: int
    bytes_today: int
    stored_bytes: int


def used(user: User) -> Used:
    counted = Usage.objects.used(user, requests=MINUTE, bytes=DAY)
    return Used(
        requests_this_minute=counted[Usage.Kind.REQUESTS],
        waiting_predictions=Prediction.objects.unfinished_of(user).count(),
        waiting_explanations=_waiting_explanations(user),
        bytes_today=counted[Usage.Kind.BYTES],
        stored_bytes=counted[Usage.Kind.STORED],
    )


def _waiting_explanations(user: User) -> int:
    return int(Explanation.objects.unfinished_of(user).count())


def count_request(user: User) -> None:
    """Raises QuotaExceeded from the first request beyond the limit on."""
    count = Usage.objects.add(user, Usage.Kind.REQUESTS, seconds=MINUTE)
    if count > settings.API_REQUESTS_PER_MINUTE:
        raise QuotaExceeded(
            f"More than {settings.API_REQUESTS_PER_MINUTE} requests in a minute.",
            _seconds_left(MINUTE),
        )


def check_again(user: User, *, predictions: int, byte_size: int) -> int:
    """`check_submission` in the transaction that stores, for whose end others of this person wait.

    Without it all batches that come at the same time would find the same room left. Single images
    go without: no more of them come at once than the web server has threads.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return check_submission(user, predictions=predictions, byte_size=byte_size)


def check_submission(user: User, *, predictions: int, byte_size: int) -> int:
    """How many bytes the files of this person's images may still take.

    Raises QuotaExceeded where so much more work or data would go beyond a limit, and BeyondLimit
    where it would even if nothing had been used up.
    """
    limits = limits_of(user)
    if predictions > limits.waiting_predictions:
        raise BeyondLimit(
            f"This asks for {predictions} predictions, and no more than "
            f"{limits.waiting_predictions} of yours may wait. Send fewer at once."
        )
    if byte_size > limits.bytes_per_day:
        raise BeyondLimit(
            f"This alone is more than your {limits.bytes_per_day // MEGABYTE} MB a day."
        )
    counted = Usage.objects.used(user, bytes=DAY)
    room = limits.stored_bytes - counted[Usage.Kind.STORED]
    if byte_size:
        check_room(room)
    waiting = int(Prediction.objects.unfinished_of(user).count())
    if waiting + predictions > limits.waiting_predictions:
        raise QuotaExceeded(
            f"{waiting} of your predictions wait, and {predictions} more would "
            f"exceed the limit of {limits.waiting_predictions}.",
            RETRY_WAITING_AFTER,
        )
    if counted[Usage.Kind.BYTES] + byte_size > limits.bytes_per_day:
        raise QuotaExceeded(
            f"This would exceed your {limits.bytes_per_day // MEGABYTE} MB a day.",
            _seconds_left(DAY),
        )
    return room


def check_explanation(user: User) -> None:
    """Raises QuotaExceeded where a person has as many maps waiting as they may."""
    if _waiting_explanations(user) >= settings.MAX_WAITING_EXPLANATIONS:
        raise QuotaExceeded(
            f"{settings.MAX_WAITING_EXPLANATIONS} of your explanations wait, and no more may.",
            RETRY_WAITING_AFTER,
        )


def room(user: User) -> int:
    """How many bytes the files of this person's images may still take; negative when too many."""
    return limits_of(user).stored_bytes - Usage.objects.stored(user)


def check_room(room: int) -> None:
    """Raises NoRoom where it is negative."""
    if room < 0:
        raise NoRoom(
            "Your images would take more than the space that you have here, so nothing was kept. "
            "Delete some that you no longer need."
        )


def require_free_disk() -> None:
    """Raises OSError, as a full disk does, while there is still room for the database to write."""
    media = Path(settings.MEDIA_ROOT)
    folder = next(folder for folder in (media, *media.parents) if folder.exists())
    if shutil.disk_usage(folder).free < settings.MIN_FREE_DISK_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def count_bytes(user: User, byte_size: int) -> None:
    Usage.objects.add(user, Usage.Kind.BYTES, seconds=DAY, amount=byte_size)


def _seconds_left(period: int) -> int:
    return period - int(time.time()) % period
