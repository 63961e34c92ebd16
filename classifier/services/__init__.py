"""The request side: everything that a page, the API or the admin does to what is stored.

Each function is one transaction. Work is queued only when that has been committed, so that a worker
never looks for a row which is not there yet.
"""

from classifier.services.batches import (
    BatchRefused,
    add_files,
    close_batch,
    identical_results,
    move_batch,
    open_batch,
    rename_batch,
    reopen,
    sign,
)
from classifier.services.explanations import ExplanationRefused, explain
from classifier.services.looks import Look, LookRefused, possible_labels
from classifier.services.permissions import NotAllowed
from classifier.services.queueing import (
    CANCELLED,
    cancel_waiting,
    look_again,
    queue_predictions,
    requeue,
    run_again,
)
from classifier.services.reviews import Locked, ReviewRefused, redo, review, undo
from classifier.services.submission import (
    NothingAccepted,
    SentFile,
    StorageFailed,
    submit_batch,
    submit_predictions,
)
from classifier.services.trash import (
    delete_prediction,
    restore,
    trash_batch,
    trash_predictions,
)
from classifier.services.waiting import wait_until_finished

__all__ = [
    "CANCELLED",
    "BatchRefused",
    "ExplanationRefused",
    "Locked",
    "Look",
    "LookRefused",
    "NotAllowed",
    "NothingAccepted",
    "ReviewRefused",
    "SentFile",
    "StorageFailed",
    "add_files",
    "cancel_waiting",
    "close_batch",
    "delete_prediction",
    "explain",
    "identical_results",
    "look_again",
    "move_batch",
    "open_batch",
    "possible_labels",
    "queue_predictions",
    "redo",
    "rename_batch",
    "reopen",
    "requeue",
    "restore",
    "review",
    "run_again",
    "sign",
    "submit_batch",
    "submit_predictions",
    "trash_batch",
    "trash_predictions",
    "undo",
    "wait_until_finished",
]
