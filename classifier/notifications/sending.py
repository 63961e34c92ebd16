"""Sending messages to webhooks, signed as Standard Webhooks says and tried for three days."""

import base64
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from threading import Timer
from typing import Final
from urllib.parse import urlsplit

import certifi
from django.utils import timezone
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from classifier.models import BACKOFF, Status, WebhookDelivery
from classifier.models.notifications import KEY_PREFIX
from classifier.notifications.addresses import AddressRefused, checked_target

logger = logging.getLogger(__name__)

# Other housekeeping waits meanwhile: many messages at once, and none for longer than this.
AT_ONCE: Final = 16
SECONDS: Final = 5.0
# Longer than a turn can take; then somebody else may send the same message again.
HELD: Final = timedelta(minutes=2)
KEPT: Final = timedelta(days=30)
GONE: Final = 410
NO_ANSWER: Final = "No answer within 5 seconds, or the connection failed."


@dataclass(frozen=True)
class Outcome:
    """What came of one try: the status that was answered, or why there is none."""

    status: int | None = None
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def are_due() -> bool:
    return WebhookDelivery.objects.due().exists()


def send_due() -> int:
    """Send some of what is due, all at the same time; returns how many were tried."""
    deliveries = WebhookDelivery.objects.claim(AT_ONCE, held=HELD)
    if not deliveries:
        return 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = list(threads.map(send, deliveries))
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        note(delivery, outcome)
    return len(deliveries)


def send(delivery: WebhookDelivery) -> Outcome:
    """One try. Asks nothing of the database: it runs beside others in threads."""
    url = delivery.webhook.url
    try:
        host, port, address = checked_target(url)
    except AddressRefused as error:
        return Outcome(problem=str(error))
    except OSError:
        return Outcome(problem="There is no address for this name.")
    connection: HTTPConnection
    if url.lower().startswith("https:"):
        connection = HTTPSConnection(
            str(address),
            port,
            timeout=SECONDS,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=certifi.where(),
        )
    else:
        connection = HTTPConnection(str(address), port, timeout=SECONDS)
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = json.dumps(delivery.body, separators=(",", ":")).encode()
    headers = {"Host": parts.netloc, "Content-Type": "application/json", **signed(delivery, body)}
    # A receiver that answers a byte at a time is cut off as well.
    cut_off = Timer(SECONDS, _cut, [connection])
    cut_off.start()
    try:
        # Answers that lead elsewhere are not followed: nobody has looked at where to.
        connection.request("POST", path, body, headers, preload_content=False)
        return Outcome(status=connection.getresponse().status)
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        logger.info("Webhook %s: %s", delivery.webhook_id, error)
        return Outcome(problem=NO_ANSWER)
    finally:
        cut_off.cancel()
        connection.close()


def _cut(connection: HTTPConnection) -> None:
    if connection.sock:
        connection.sock.shutdown(socket.SHUT_RDWR)


def signed(delivery: WebhookDelivery, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; while a secret is changed, with a signature of each."""
    seconds = str(int(timezone.now().timestamp()))
    content = f"{delivery.message_id}.{seconds}.".encode() + body
    signatures = signatures_of(content, delivery.webhook.secrets_in_use)
    return {
        "webhook-id": delivery.message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(signatures),
        "User-Agent": "medclassifier-webhooks",
    }


def signatures_of(content: bytes, secrets: Iterable[str]) -> list[str]:
    keys = [base64.b64decode(secret.removeprefix(KEY_PREFIX)) for secret in secrets]
    digests = [hmac.digest(key, content, hashlib.sha256) for key in keys]
    return [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]


def note(delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Write down what came of it: done, to be tried later, or given up."""
    now = timezone.now()
    delivery.response_status, delivery.error_message = outcome.status, outcome.problem
    tries_left = delivery.attempts <= len(BACKOFF) and outcome.status != GONE
    if outcome.is_taken:
        delivery.status, delivery.finished_at = Status.SUCCESS, now
    elif tries_left:
        delivery.due_at = now + BACKOFF[delivery.attempts - 1]
    else:
        delivery.status, delivery.finished_at = Status.FAILURE, now
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=delivery.status,
        due_at=delivery.due_at,
        response_status=delivery.response_status,
        error_message=delivery.error_message,
        finished_at=delivery.finished_at,
    )


def forget_old() -> int:
    """The log is kept for a month; returns how many went."""
    old = WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT)
    return int(old.exclude(status=Status.PENDING).delete()[0])
