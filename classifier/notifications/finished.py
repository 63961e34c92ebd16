"""What finished since it was last told: predictions and batches, for webhooks and mails."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any, Final

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from classifier.models import (
    Batch,
    Event,
    MailChoice,
    Prediction,
    PredictionQuerySet,
    Status,
    Webhook,
    WebhookDelivery,
)
from classifier.notice import NOTICE

logger = logging.getLogger(__name__)

# What finishes is committed a moment after the time that it bears.
COMMITTED_WITHIN: Final = timedelta(seconds=10)
# An index finds what was sent lately; what waited for longer is told no more.
LONGEST_WAIT: Final = timedelta(days=3)
SUBJECT: Final = "[medclassifier] A batch is finished"
WORDS: Final = """\
{name}: {done} results, {failed} failed.

{address}

{notice}
"""


@dataclass(frozen=True)
class FinishedBatch:
    batch: Batch
    succeeded: int
    failed: int


def queue_messages() -> int:
    """Queue what each webhook has not been told; returns how many. Safe to run side by side."""
    queued = 0
    asking = Webhook.objects.active().filter(Q(on_predictions=True) | Q(on_batches=True))
    for webhook in asking:
        since, now = webhook.told_until - COMMITTED_WITHIN, timezone.now()
        rows: list[WebhookDelivery] = []
        if webhook.on_predictions:
            found = _finished(webhook.owner_id, since).select_related("image", "trained_model")
            rows += [_of_prediction(webhook, each) for each in found]
        if webhook.on_batches:
            rows += [_of_batch(webhook, each) for each in finished_batches(webhook.owner_id, since)]
        WebhookDelivery.objects.queue(rows)
        Webhook.objects.filter(pk=webhook.pk).update(told_until=now)
        queued += len(rows)
    return queued


def _finished(owner_id: int, since: datetime) -> PredictionQuerySet:
    return Prediction.objects.kept().filter(
        owner_id=owner_id, created_at__gt=since - LONGEST_WAIT, finished_at__gt=since
    )


def finished_batches(
    owner_id: int, since: datetime, until: datetime | None = None
) -> Iterator[FinishedBatch]:
    """Closed batches whose last prediction ended, or that were closed, within the time."""
    of_batch = Prediction.objects.kept().filter(batch=OuterRef("pk"))
    touched = _finished(owner_id, since).filter(batch__isnull=False).values("batch")
    batches = Batch.objects.kept().filter(
        Q(pk__in=touched) | Q(closed_at__gt=since), owner_id=owner_id, closed_at__isnull=False
    )
    for batch in batches.exclude(Exists(of_batch.unfinished())).filter(Exists(of_batch)):
        mine = Prediction.objects.kept().filter(batch=batch)
        ended = [row for row in mine.values_list("finished_at", flat=True) if row]
        last = max([*ended, batch.closed_at or ended[0]])
        if until is None or last <= until:
            failed = mine.filter(status=Status.FAILURE).count()
            yield FinishedBatch(batch, len(ended) - failed, failed)


def _of_prediction(webhook: Webhook, prediction: Prediction) -> WebhookDelivery:
    data: dict[str, Any] = {
        "id": str(prediction.pk),
        "batch": str(prediction.batch_id) if prediction.batch_id else None,
        "status": prediction.status,
        "model": prediction.trained_model.slug,
        "model_version": prediction.model_version,
        "predicted_label": prediction.predicted_label,
        "confidence": prediction.confidence,
        "certainty": prediction.certainty,
        "url": address("web:prediction", prediction.pk),
        "notice": NOTICE,
    }
    if webhook.names_files:
        data["filename"] = prediction.image.original_filename
    return WebhookDelivery(
        webhook=webhook, event=Event.PREDICTION, subject_key=str(prediction.pk), data=data
    )


def _of_batch(webhook: Webhook, finished: FinishedBatch) -> WebhookDelivery:
    batch, total = finished.batch, finished.succeeded + finished.failed
    data = {
        "id": str(batch.pk),
        "succeeded": finished.succeeded,
        "failed": finished.failed,
        "url": address("web:batch", batch.pk),
        "notice": NOTICE,
    }
    if webhook.names_files:
        data["name"] = batch.name
    return WebhookDelivery(
        webhook=webhook, event=Event.BATCH, subject_key=f"{batch.pk}:{total}", data=data
    )


def address(view: str, key: object) -> str:
    """Of a page; without SITE_URL only its path, since no request says where the site is."""
    return f"{settings.SITE_URL}{reverse(view, args=[key])}"


def send_mails() -> int:
    """Tell those who want mails of their batches; returns how many were sent.

    Of two that run at once, one moves the time on and sends.
    """
    sent = 0
    until = timezone.now() - COMMITTED_WITHIN
    asking = MailChoice.objects.filter(on_batches=True, user__is_active=True, told_until__lt=until)
    for choice in asking.exclude(user__email="").select_related("user"):
        mine = MailChoice.objects.filter(pk=choice.pk, told_until=choice.told_until)
        if not mine.update(told_until=until):
            continue
        for each in finished_batches(choice.user_id, choice.told_until, until):
            words = WORDS.format(
                # A batch may be called after a patient, and mail is read by many machines.
                name="Your batch",
                done=each.succeeded,
                failed=each.failed,
                address=address("web:batch", each.batch.pk),
                notice=NOTICE,
            )
            sent += mail(SUBJECT, words, choice.user.email)
    return sent


def mail(subject: str, words: str, to: str) -> bool:
    """Whether it went; a mail server that is away keeps nobody from work."""
    try:
        send_mail(subject, words, None, [to])
    except (SMTPException, OSError) as error:
        logger.warning("A mail could not be sent: %s", error)
        return False
    return True
