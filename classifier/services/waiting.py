"""Waiting a little for results, in the request that asked for them."""

import threading
import time
from typing import Final

from django.conf import settings

from classifier.models import PredictionQuerySet

# A small network has answered after a few hundredths of a second; who has waited long already
# notices a tenth more of it less than everyone does the questions.
FIRST_LOOK_SECONDS: Final = 0.015
SHARE_OF_WAITED: Final = 0.1
# Who waits keeps a thread of the web server busy. Some must stay free for the others, so beyond
# this many in a process the answer comes at once.
FREE_THREADS: Final = 4
_waiting = threading.BoundedSemaphore(max(1, settings.WEB_THREADS - FREE_THREADS))


def wait_until_finished(predictions: PredictionQuerySet, *, seconds: float) -> None:
    """Return when the predictions have ended or the time has passed, or when too many wait."""
    if not seconds or not _waiting.acquire(blocking=False):
        return
    try:
        began = time.monotonic()
        while predictions.unfinished().exists():
            waited = time.monotonic() - began
            if waited > seconds:
                return
            time.sleep(FIRST_LOOK_SECONDS + SHARE_OF_WAITED * waited)
    finally:
        _waiting.release()
