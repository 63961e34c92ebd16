"""The request side: everything that a page, the API or the admin does to what is stored.

Each function is one transaction. Work is queued only when that has been committed, so that a worker
never looks for a row which is not there yet.
"""

from classifier.services.queueing import (
    CANCELLED,
    cancel_waiting,
    queue_predictions,
    requeue,
)
from classifier.services.submission import (
    NothingAccepted,
    SentFile,
    StorageFailed,
    submit_batch,
    submit_predictions,
)
from classifier.services.trash import delete_prediction

__all__ = [
    "CANCELLED",
    "NothingAccepted",
    "SentFile",
    "StorageFailed",
    "cancel_waiting",
    "delete_prediction",
    "queue_predictions",
    "requeue",
    "submit_batch",
    "submit_predictions",
]
