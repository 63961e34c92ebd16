"""What people and programs are told of: webhooks with their log, alarms, and choices of mails."""

import base64
import secrets
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from classifier.models.vocabulary import Status

KEY_PREFIX: Final = "whsec_"
# As Standard Webhooks proposes: some seconds, then minutes, then hours; three days in all.
BACKOFF: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# A rotated secret signs beside the new one for so long, so that receivers may change over.
OVERLAP: Final = timedelta(hours=24)


class Event(models.TextChoices):
    PREDICTION = "prediction.finished", "A prediction is finished"
    BATCH = "batch.finished", "A batch is finished"
    ALARM = "alarm", "Something is wrong with the installation"


def new_secret() -> str:
    return KEY_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def active(self) -> Self:
        """Of people who may still sign in."""
        return self.filter(is_active=True, owner__is_active=True)


class Webhook(models.Model):
    """An address that is told of what happens to its owner's predictions."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    url = models.CharField(
        "address", max_length=500, validators=[URLValidator(schemes=["https", "http"])]
    )
    secret = models.CharField(max_length=80, default=new_secret, editable=False)
    previous_secret = models.CharField(max_length=80, blank=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    on_predictions = models.BooleanField("A prediction is finished", default=False)
    on_batches = models.BooleanField("A batch is finished", default=True)
    on_alarms = models.BooleanField("Something is wrong with the installation", default=False)
    names_files = models.BooleanField(
        "Send names of files",
        default=False,
        help_text="What files are called may name a patient.",
    )
    is_active = models.BooleanField("active", default=True)
    told_until = models.DateTimeField(
        default=timezone.now, editable=False, help_text="What finished before it was told."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.url

    @property
    def events(self) -> list[str]:
        """What it is told of."""
        return [event.value for event, field in EVENT_FIELDS.items() if getattr(self, field)]

    @property
    def secrets_in_use(self) -> list[str]:
        """The one that signs, and the one before while receivers change over."""
        overlaps = self.rotated_at and timezone.now() - self.rotated_at < OVERLAP
        return [self.secret, self.previous_secret] if overlaps else [self.secret]

    def rotate_secret(self) -> str:
        self.previous_secret, self.secret = self.secret, new_secret()
        self.rotated_at = timezone.now()
        self.save(update_fields=["previous_secret", "secret", "rotated_at"])
        return self.secret


EVENT_FIELDS: Final = {
    Event.PREDICTION: "on_predictions",
    Event.BATCH: "on_batches",
    Event.ALARM: "on_alarms",
}


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def due(self) -> Self:
        return self.filter(status=Status.PENDING, due_at__lte=timezone.now())

    def claim(self, number: int, *, held: timedelta) -> list["WebhookDelivery"]:
        """Some that are due. Whoever else looks finds them due again only after `held`."""
        claimed = []
        for delivery in self.due().order_by("due_at").select_related("webhook")[:number]:
            until = timezone.now() + held
            mine = self.filter(pk=delivery.pk, status=Status.PENDING, due_at=delivery.due_at)
            if mine.update(due_at=until, attempts=F("attempts") + 1):
                delivery.attempts, delivery.due_at = delivery.attempts + 1, until
                claimed.append(delivery)
        return claimed

    def queue(self, rows: Iterable["WebhookDelivery"]) -> None:
        """Those that were not queued before: of each event a webhook is told once."""
        self.bulk_create(rows, ignore_conflicts=True)


class WebhookDelivery(models.Model):
    """One message to one webhook, sent until it is taken, and the log of that."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.CharField(max_length=20, choices=Event)
    subject_key = models.CharField(max_length=80)
    data = models.JSONField(default=dict)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error_message = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "webhook deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="delivery_once_for_each_event", fields=["webhook", "event", "subject_key"]
            ),
        ]
        indexes: ClassVar = [
            # The log of a webhook, newest first.
            models.Index(fields=["webhook", "-created_at"], name="delivery_log"),
            # What has to be sent, which stays small.
            models.Index(
                fields=["due_at"], condition=Q(status=Status.PENDING.value), name="delivery_due"
            ),
            # What is too old to be kept.
            models.Index(fields=["created_at"], name="delivery_created"),
        ]

    def __str__(self) -> str:
        return f"{self.event} · {self.get_status_display()}"

    @property
    def message_id(self) -> str:
        """The same at each try, so that a receiver can tell a repetition."""
        return f"msg_{self.pk.hex}"

    @property
    def body(self) -> dict[str, Any]:
        return {"type": self.event, "timestamp": self.created_at.isoformat(), "data": self.data}

    def send_again(self) -> None:
        WebhookDelivery.objects.filter(pk=self.pk).update(
            status=Status.PENDING, attempts=0, due_at=timezone.now(), finished_at=None
        )


class MailChoice(models.Model):
    """Of what a person wants a mail."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_choice"
    )
    on_batches = models.BooleanField("A batch of yours is finished", default=False)
    on_alarms = models.BooleanField("Something is wrong with the installation", default=False)
    told_until = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return str(self.user)


class Alarm(models.Model):
    """Something that was wrong with the installation, until it was right again."""

    class Kind(models.TextChoices):
        QUEUE = "queue", "Predictions wait too long"
        FAILURES = "failures", "Many predictions fail"
        DISK = "disk", "The disk is almost full"
        CHANGE = "change", "What a model is shown has changed"

    kind = models.CharField(max_length=10, choices=Kind)
    message = models.CharField(max_length=200)
    raised_at = models.DateTimeField(default=timezone.now, editable=False)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-raised_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="alarm_once_while_it_lasts", fields=["kind"], condition=Q(cleared_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.message
