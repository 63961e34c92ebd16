"""Mails that people asked for, and alarms."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from classifier.models import Alarm, Event, MailChoice, Prediction, Status, Webhook, WebhookDelivery
from classifier.notifications import alarms, finished
from classifier.services import NotAllowed, webhooks
from tests.factories import BatchFactory, PredictionFactory

pytestmark = pytest.mark.django_db

A_MINUTE_AGO = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def enough_disk(settings: Settings) -> None:
    settings.MIN_FREE_DISK_BYTES = 0


def test_a_mail_says_once_that_a_batch_is_finished_and_names_nothing(
    user: User, settings: Settings
) -> None:
    settings.SITE_URL = "https://lab.example"
    began = timezone.now() - timedelta(hours=1)
    MailChoice.objects.create(user=user, on_batches=True, told_until=began)
    ended = timezone.now() - A_MINUTE_AGO
    batch = BatchFactory.create(owner=user, name="Miller 1962", closed_at=ended)
    PredictionFactory.create(image__owner=user, batch=batch, succeeded=True, finished_at=ended)
    assert finished.send_mails() == 1
    [sent] = mail.outbox
    assert sent.to == [user.email]
    assert f"https://lab.example/batches/{batch.pk}/" in sent.body
    assert "1 results, 0 failed" in sent.body
    assert "Research use only" in sent.body
    assert "Miller" not in sent.subject + sent.body
    assert finished.send_mails() == 0


def test_nobody_gets_a_mail_who_did_not_choose_so(user: User) -> None:
    batch = BatchFactory.create(owner=user)
    PredictionFactory.create(image__owner=user, batch=batch, succeeded=True)
    assert finished.send_mails() == 0
    assert not mail.outbox


def test_an_alarm_is_told_to_staff_when_it_begins_and_when_it_ends(user: User, staff: User) -> None:
    for person in (user, staff):
        MailChoice.objects.create(user=person, on_alarms=True)
    webhook = webhooks.save(
        Webhook(url="https://hook.example/"), owner=staff, events=[Event.ALARM.value]
    )
    long_ago = timezone.now() - timedelta(minutes=20)
    PredictionFactory.create(created_at=long_ago)
    for _ in range(2):
        alarms.watch()
    [sent] = mail.outbox
    assert sent.to == [staff.email]
    assert "1 predictions wait for more than 10 minutes" in sent.body
    Prediction.objects.update(status=Status.FAILURE, error_message="no", finished_at=timezone.now())
    alarms.watch()
    assert Alarm.objects.get().cleared_at is not None
    assert len(mail.outbox) == 2
    states = [each.data["state"] for each in webhook.deliveries.order_by("created_at")]
    assert states == ["raised", "cleared"]


def test_many_failures_and_a_full_disk_are_alarms(settings: Settings) -> None:
    PredictionFactory.create_batch(6, status=Status.FAILURE, error_message="no",
                                   finished_at=timezone.now())  # fmt: skip
    PredictionFactory.create_batch(4, succeeded=True)
    settings.MIN_FREE_DISK_BYTES = 2**60
    assert set(alarms.troubles()) == {Alarm.Kind.FAILURES, Alarm.Kind.DISK}


def test_alarms_are_for_staff(user: User) -> None:
    with pytest.raises(NotAllowed):
        webhooks.save(Webhook(url="https://hook.example/"), owner=user, events=[Event.ALARM.value])
    assert not WebhookDelivery.objects.exists()
