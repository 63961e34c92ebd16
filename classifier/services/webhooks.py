"""Webhooks of a person: making and changing them, their secrets, and sending again."""

from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction

from classifier import audit, tasks
from classifier.models import Event, Webhook, WebhookDelivery
from classifier.models.notifications import EVENT_FIELDS
from classifier.services.permissions import NotAllowed

MOST: Final = 10
TOO_MANY: Final = f"Nobody has more than {MOST} webhooks. Delete one first."
FOR_STAFF: Final = "Alarms are told to staff only."


@transaction.atomic
def save(webhook: Webhook, *, owner: User, events: list[str]) -> Webhook:
    """Store a new or changed one. Raises NotAllowed."""
    if webhook.pk is None and owner.webhooks.count() >= MOST:
        raise NotAllowed(TOO_MANY)
    if Event.ALARM in events and not owner.is_staff:
        raise NotAllowed(FOR_STAFF)
    change = "changed" if webhook.pk else "made"
    webhook.owner = owner
    for event, field in EVENT_FIELDS.items():
        setattr(webhook, field, event in events)
    webhook.save()
    _record(webhook, change, events=sorted(events), names_files=webhook.names_files)
    return webhook


@transaction.atomic
def rotate(webhook: Webhook) -> str:
    """Draw a new secret; the old one signs beside it for a day."""
    secret = webhook.rotate_secret()
    _record(webhook, "secret rotated")
    return secret


@transaction.atomic
def delete(webhook: Webhook) -> None:
    _record(webhook, "deleted")
    webhook.delete()


@transaction.atomic
def send_again(delivery: WebhookDelivery) -> None:
    """Whether it was taken or given up: the same message, with the same id."""
    delivery.send_again()
    transaction.on_commit(tasks.ring_for_webhooks)


def _record(webhook: Webhook, change: str, **details: Any) -> None:
    audit.record(
        audit.Action.WEBHOOK_CHANGED, subject=webhook, change=change, url=webhook.url, **details
    )
