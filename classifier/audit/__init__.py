"""The audit trail: writing it down, sealing it, and finding out whether it was changed.

Neither django-auditlog nor django-simple-history fits: both record changed rows by signals, which
queryset updates (every deletion into the trash, every review) and bulk inserts do not send, which
know nothing of looking, exporting or failed sign-ins, and whose records anybody with the database
can change unnoticed. They also copy field values, file names among them.

What the seals promise: an event is written in the transaction of what it tells of, so that there is
neither without the other. It costs one insert and takes no lock. Once a minute a worker seals what
is new: the seal holds the digests of its events and that of the seal before. From then on an event
that is changed, deleted or put in between is found and named by `manage.py verify_audit`. What is
not promised: an event that is deleted within the minute before its seal leaves no gap, and who can
write to the database may compute all later seals anew or cut off the end. Each seal is therefore
also written to the log; `verify_audit --expect` compares with such a line, kept elsewhere.
"""

from classifier.audit.chain import Verdict, prune, seal, verify
from classifier.audit.recording import NAMED, note_limits, record, record_view
from classifier.models import AuditEvent

Action = AuditEvent.Action

__all__ = [
    "NAMED",
    "Action",
    "Verdict",
    "note_limits",
    "prune",
    "record",
    "record_view",
    "seal",
    "verify",
]
