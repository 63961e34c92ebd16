"""Writing down what was done."""

from collections.abc import Iterable
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone

from classifier import origin
from classifier.models import AuditEvent, ImageUpload

# Of a thousand results that were deleted at once, the event names so many and their number.
NAMED: Final = 100
LIMITS: Final = (
    "API_REQUESTS_PER_MINUTE", "MAX_WAITING_PREDICTIONS", "MAX_BYTES_PER_DAY",
    "MAX_STORED_BYTES_PER_PERSON", "MAX_UPLOAD_BYTES", "MAX_UPLOAD_PIXELS", "MAX_BATCH_BYTES",
    "TRASH_DAYS", "AUDIT_DAYS", "KEEP_ORIGINALS_DAYS", "KEEP_RESULTS_DAYS",
)  # fmt: skip


def record(
    action: AuditEvent.Action,
    *,
    person: Any = None,
    subject: Model | None = None,
    keys: Iterable[object] = (),
    file_names: Iterable[str] = (),
    **details: Any,
) -> AuditEvent:
    """Write an event; in the transaction of what it tells of, so that there is none without.

    Args:
        person: who did it; whoever the request belongs to, where it is left out.
        subject: what it was done to, where that is one thing.
        keys: what it was done to, where that is many.
        file_names: kept only where AUDIT_FILE_NAMES says so.
        details: strings, whole numbers, truth values, and lists or dictionaries of them.
    """
    source = origin.current()
    signed_in = person or source.user
    user = signed_in if isinstance(signed_in, User) else None
    if named := [str(key) for _, key in zip(range(NAMED), keys, strict=False)]:
        details["keys"] = named
    if settings.AUDIT_FILE_NAMES and (names := list(file_names)[:NAMED]):
        details["file_names"] = names
    event = AuditEvent(
        made_at=timezone.now(),
        action=action,
        user_key=user.pk if user else None,
        username=user.username if user else "",
        address=source.address,
        channel=source.channel,
        request_id=source.request_id,
        subject_type=str(subject._meta.model_name) if subject else "",
        subject_key=str(subject.pk) if subject else "",
        details=details,
    )
    event.digest = event.computed_digest()
    event.save(force_insert=True)
    return event


def record_view(user: Any, image: ImageUpload, what: str) -> None:
    """Somebody is shown an image, or what a model sees of it; whose own it is, is not recorded."""
    if image.owner_id != user.pk:
        record(
            AuditEvent.Action.IMAGE_VIEWED,
            person=user,
            subject=image,
            what=what,
            owner_key=image.owner_id,
        )


def note_limits() -> bool:
    """Record the limits of the settings where they are not those of the last time; whether so."""
    limits = {name: getattr(settings, name) for name in LIMITS}
    changes = AuditEvent.objects.filter(action=AuditEvent.Action.LIMITS_CHANGED, subject_key="")
    last = changes.first()
    if last and last.details == limits:
        return False
    record(AuditEvent.Action.LIMITS_CHANGED, **limits)
    return True
