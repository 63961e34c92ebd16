"""Messages to webhooks: a receiver that runs here gets them over HTTP and checks them."""

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import standardwebhooks
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from classifier import tasks
from classifier.models import BACKOFF, Event, Status, Webhook, WebhookDelivery
from classifier.notifications import addresses, finished, sending
from classifier.services import webhooks
from tests.factories import BatchFactory, PredictionFactory, UserFactory

pytestmark = pytest.mark.django_db


@dataclass
class Receiver:
    """Keeps what came, and answers with `status`."""

    url: str
    status: int = 200
    location: str = ""
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.came.append((self.path, headers, body))
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found = Receiver(f"http://127.0.0.1:{server.server_port}/hook?from=here")
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def rung_for_webhooks(monkeypatch: pytest.MonkeyPatch, rung: list[str]) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(tasks.run_webhooks, "delay", lambda: calls.append("rung"))
    return calls


def made(user: User, url: str, *events: Event, **fields: Any) -> Webhook:
    chosen = [event.value for event in events or (Event.PREDICTION, Event.BATCH)]
    return webhooks.save(Webhook(url=url, **fields), owner=user, events=chosen)


def finished_one(user: User, **fields: Any) -> Any:
    ended = {"finished_at": timezone.now(), "succeeded": True, **fields}
    return PredictionFactory.create(image__owner=user, **ended)


def test_a_finished_prediction_is_told_by_a_message_that_a_library_verifies(
    user: User, receiver: Receiver, settings: Settings
) -> None:
    settings.SITE_URL = "https://lab.example"
    webhook = made(user, receiver.url, Event.PREDICTION)
    prediction = finished_one(user)
    assert finished.queue_messages() == 1
    assert sending.send_due() == 1
    [(path, headers, body)] = receiver.came
    assert path == "/hook?from=here"
    message = standardwebhooks.Webhook(webhook.secret).verify(body, headers)
    assert message["type"] == "prediction.finished"
    assert message["data"]["id"] == str(prediction.pk)
    assert message["data"]["predicted_label"] == prediction.predicted_label
    assert message["data"]["url"] == f"https://lab.example/predictions/{prediction.pk}/"
    assert "Research use only" in message["data"]["notice"]
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("SUCCESS", 1, 200)
    assert headers["webhook-id"] == delivery.message_id


def test_each_is_told_once_and_nothing_of_others(
    user: User, other_user: User, receiver: Receiver
) -> None:
    finished_one(user, finished_at=timezone.now() - timedelta(hours=1))
    made(user, receiver.url, Event.PREDICTION)
    mine = finished_one(user)
    finished_one(other_user)
    PredictionFactory.create(image__owner=user)
    for _ in range(3):
        finished.queue_messages()
    assert [each.subject_key for each in WebhookDelivery.objects.all()] == [str(mine.pk)]


def test_names_of_files_go_only_where_the_webhook_says_so(user: User, receiver: Receiver) -> None:
    quiet = made(user, receiver.url, Event.PREDICTION)
    naming = made(user, receiver.url, Event.PREDICTION, names_files=True)
    prediction = finished_one(user)
    finished.queue_messages()
    name = prediction.image.original_filename
    assert name not in json.dumps(quiet.deliveries.get().data)
    assert naming.deliveries.get().data["filename"] == name


def test_a_batch_is_told_when_its_last_prediction_ends(user: User, receiver: Receiver) -> None:
    made(user, receiver.url, Event.BATCH)
    batch = BatchFactory.create(owner=user)
    finished_one(user, batch=batch)
    waiting = PredictionFactory.create(image__owner=user, batch=batch)
    assert finished.queue_messages() == 0
    waiting.status, waiting.error_message = Status.FAILURE, "It could not be read."
    waiting.finished_at = timezone.now()
    waiting.save()
    for _ in range(2):
        finished.queue_messages()
    data = WebhookDelivery.objects.get().data
    assert (data["id"], data["succeeded"], data["failed"]) == (str(batch.pk), 1, 1)


def test_what_is_not_taken_is_tried_again_ever_more_seldom_and_given_up(
    user: User, receiver: Receiver
) -> None:
    made(user, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    receiver.status = 500
    for number, wait in enumerate(BACKOFF, start=1):
        assert sending.send_due() == 1
        delivery = WebhookDelivery.objects.get()
        assert (delivery.status, delivery.attempts) == ("PENDING", number)
        assert abs(delivery.due_at - timezone.now() - wait) < timedelta(seconds=30)
        assert sending.send_due() == 0, "not before it is due"
        WebhookDelivery.objects.update(due_at=timezone.now())
    sending.send_due()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.response_status) == ("FAILURE", 500)
    ids = {headers["webhook-id"] for _, headers, _ in receiver.came}
    assert len(ids) == 1
    assert sum(BACKOFF, timedelta()) > timedelta(days=3)


def test_a_receiver_that_is_gone_is_not_asked_again(user: User, receiver: Receiver) -> None:
    made(user, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    receiver.status = 410
    sending.send_due()
    assert WebhookDelivery.objects.get().status == Status.FAILURE


def test_it_is_sent_again_on_request_with_the_same_id(
    user: User, receiver: Receiver, rung_for_webhooks: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    made(user, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    sending.send_due()
    with django_capture_on_commit_callbacks(execute=True):
        webhooks.send_again(WebhookDelivery.objects.get())
    assert rung_for_webhooks
    sending.send_due()
    first, second = receiver.came
    assert first[1]["webhook-id"] == second[1]["webhook-id"]


def test_while_a_secret_is_changed_both_hold_and_then_the_new_one(
    user: User, receiver: Receiver
) -> None:
    webhook = made(user, receiver.url, Event.PREDICTION)
    old, new = webhook.secret, webhooks.rotate(webhook)
    finished_one(user)
    finished.queue_messages()
    sending.send_due()
    _, headers, body = receiver.came[-1]
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(body, headers)
    Webhook.objects.update(rotated_at=timezone.now() - timedelta(days=2))
    webhooks.send_again(WebhookDelivery.objects.get())
    sending.send_due()
    _, headers, body = receiver.came[-1]
    standardwebhooks.Webhook(new).verify(body, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(old).verify(body, headers)


def test_an_answer_that_leads_elsewhere_is_not_followed(user: User, receiver: Receiver) -> None:
    made(user, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    receiver.status, receiver.location = 302, f"{receiver.url}&again=yes"
    sending.send_due()
    assert len(receiver.came) == 1
    assert WebhookDelivery.objects.get().response_status == 302


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "https://127.0.0.1/", "https://localhost/", "https://10.1.2.3/",
        "https://192.168.0.1/", "https://169.254.169.254/latest/meta-data/", "https://[::1]/",
        "https://[::ffff:10.0.0.1]/", "https://[fe80::1]/", "https://[fc00::1]/",
        "https://0.0.0.0/", "https://100.64.0.1/", "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/", "https://224.0.0.1/", "https://2130706433/", "https://0x7f.1/",
        "http://93.184.215.14/", "ftp://93.184.215.14/", "https://user:word@93.184.215.14/",
    ],
)  # fmt: skip
def test_nothing_within_is_reached(url: str, user: User) -> None:
    with pytest.raises(addresses.AddressRefused):
        addresses.checked_target(url)


def test_a_public_address_and_an_allowed_network_are(settings: Settings) -> None:
    assert str(addresses.checked_target("https://93.184.215.14/")[2]) == "93.184.215.14"
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("10.0.0.0/8")]
    assert addresses.checked_target("http://10.1.2.3:8080/")[1] == 8080
    with pytest.raises(addresses.AddressRefused):
        addresses.checked_target("http://192.168.0.1/")


def test_a_name_is_resolved_once_and_all_its_addresses_are_looked_at(
    user: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Whatever the name says a moment later, the connection goes to what was looked at."""
    asked: list[str] = []
    port = int(receiver.url.split(":")[2].split("/")[0])

    def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        addresses.socket,
        "getaddrinfo",
        lambda host, *args, **kwargs: (
            resolve(host, *args, **kwargs)
            if host == "hook.example"
            else real(host, *args, **kwargs)
        ),
    )
    made(user, f"http://hook.example:{port}/hook", Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    sending.send_due()
    assert asked == ["hook.example"]
    assert receiver.came[0][1]["host"] == f"hook.example:{port}"

    settings.WEBHOOK_ALLOWED_NETWORKS = []
    mixed = [(socket.AF_INET, 1, 6, "", (each, 443)) for each in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *args, **kwargs: mixed)
    with pytest.raises(addresses.AddressRefused):
        addresses.checked_target("https://hook.example/")


def test_a_receiver_that_never_ends_its_answer_is_cut_off(
    user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            try:
                while True:
                    connection.sendall(b"H")
                    time.sleep(0.05)
            except OSError:
                connection.close()

        thread = threading.Thread(target=drip)
        thread.start()
        made(user, f"http://127.0.0.1:{server.getsockname()[1]}/", Event.PREDICTION)
        finished_one(user)
        finished.queue_messages()
        started = time.monotonic()
        sending.send_due()
        assert time.monotonic() - started < 5
        thread.join()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.error_message) == (Status.PENDING, sending.NO_ANSWER)


def test_of_two_workers_one_sends(user: User, receiver: Receiver) -> None:
    made(user, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    assert len(WebhookDelivery.objects.claim(5, held=sending.HELD)) == 1
    assert WebhookDelivery.objects.claim(5, held=sending.HELD) == []


def test_a_switched_off_webhook_or_account_is_told_nothing(user: User, receiver: Receiver) -> None:
    made(user, receiver.url, Event.PREDICTION, is_active=False)
    gone = UserFactory.create(is_active=False)
    made(gone, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished_one(gone)
    assert finished.queue_messages() == 0


def test_the_log_is_kept_for_a_month(user: User, receiver: Receiver) -> None:
    made(user, receiver.url, Event.PREDICTION)
    finished_one(user)
    finished.queue_messages()
    sending.send_due()
    WebhookDelivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert sending.forget_old() == 1
