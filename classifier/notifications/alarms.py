"""What is wrong with the installation, said once when it begins and once when it ends."""

import shutil
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from classifier.models import (
    Alarm,
    Event,
    MailChoice,
    Prediction,
    Status,
    WatchLook,
    Webhook,
    WebhookDelivery,
)
from classifier.notifications.finished import mail

TOO_LONG: Final = timedelta(minutes=10)
LATELY: Final = timedelta(minutes=15)
# Of so many that finished lately, half failed.
FEWEST: Final = 10


def troubles() -> dict[Alarm.Kind, str]:
    """What is wrong at the moment, in a sentence each."""
    found: dict[Alarm.Kind, str] = {}
    now = timezone.now()
    waiting = Prediction.objects.kept().unfinished().filter(created_at__lt=now - TOO_LONG)
    if number := waiting.count():
        found[Alarm.Kind.QUEUE] = f"{number:,} predictions wait for more than 10 minutes."
    lately = Prediction.objects.kept().filter(created_at__gt=now - LATELY)
    ended = lately.aggregate(
        all=Count("pk", Q(finished_at__isnull=False)), failed=Count("pk", Q(status=Status.FAILURE))
    )
    if ended["all"] >= FEWEST and 2 * ended["failed"] >= ended["all"]:
        found[Alarm.Kind.FAILURES] = (
            f"{ended['failed']:,} of {ended['all']:,} predictions of the last 15 minutes failed."
        )
    free = shutil.disk_usage(settings.VAR_DIR).free
    if free < settings.MIN_FREE_DISK_BYTES:
        found[Alarm.Kind.DISK] = f"{free / 2**20:,.0f} MB of disk are free; images are refused."
    unseen = WatchLook.objects.unseen().select_related("watch__trained_model")
    if changed := {look.watch.trained_model.title for look in unseen[:100]}:
        found[Alarm.Kind.CHANGE] = (
            f"What was asked of {', '.join(sorted(changed))} differs from the reference period; "
            "see Watch."
        )[:200]
    return found


def watch() -> None:
    """Raise and clear alarms, and tell the staff who asked for it."""
    found = troubles()
    for alarm in Alarm.objects.filter(cleared_at=None):
        if alarm.kind not in found:
            alarm.cleared_at = timezone.now()
            if Alarm.objects.filter(pk=alarm.pk, cleared_at=None).update(
                cleared_at=alarm.cleared_at
            ):
                tell(alarm)
    for kind, message in found.items():
        try:
            with transaction.atomic():
                alarm, is_new = Alarm.objects.get_or_create(
                    kind=kind, cleared_at=None, defaults={"message": message}
                )
        except IntegrityError:
            continue  # another process raised it
        if is_new:
            tell(alarm)


def tell(alarm: Alarm) -> None:
    state = "cleared" if alarm.cleared_at else "raised"
    data = {"kind": alarm.kind, "state": state, "message": alarm.message}
    staff = Q(on_alarms=True)
    WebhookDelivery.objects.queue(
        WebhookDelivery(
            webhook=webhook, event=Event.ALARM, subject_key=f"{alarm.pk}:{state}", data=data
        )
        for webhook in Webhook.objects.active().filter(staff, owner__is_staff=True)
    )
    asking = MailChoice.objects.filter(staff, user__is_active=True, user__is_staff=True)
    for choice in asking.exclude(user__email="").select_related("user"):
        mail(
            f"[medclassifier] {alarm.get_kind_display()}: {state}", alarm.message, choice.user.email
        )
