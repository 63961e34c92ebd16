"""A receiver of webhooks that takes its time holds no prediction back."""

import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from classifier.notifications import sending
from classifier.synthetic import samples
from tests.processes.stack import ApiClient, Stack, wait_until

# Each message waits for an answer as long as it may, and 16 are sent at a time by each of two
# threads: so many take four rounds.
WEBHOOKS, PREDICTIONS = 10, 12


@pytest.fixture
def client(stack: Stack) -> ApiClient:
    return ApiClient(stack.url)


@pytest.fixture
def webhooks(client: ApiClient) -> Iterator[list[str]]:
    """Addresses in the API of webhooks whose receiver takes connections and never answers."""
    base = f"{client.url}/api/v1/webhooks/"
    with socket.create_server(("127.0.0.1", 0), backlog=256) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        made = []
        for _ in range(WEBHOOKS):
            asked = {"url": url, "events": ["prediction.finished"]}
            answer = client.session.post(base, json=asked, timeout=30)
            assert answer.status_code == 201, answer.text
            made.append(f"{base}{answer.json()['id']}/")
        yield made
        for address in made:
            client.session.delete(address, timeout=30).raise_for_status()


def deliveries(client: ApiClient, webhooks: list[str]) -> list[dict[str, Any]]:
    answers = [client.session.get(f"{each}deliveries/", timeout=30).json() for each in webhooks]
    return [delivery for answer in answers for delivery in answer]


def test_predictions_end_while_messages_wait_for_an_answer(
    client: ApiClient, webhooks: list[str]
) -> None:
    sample = next(known for known in samples.samples() if known.dataset == "bloodmnist")
    image = samples.draw(sample.slug)
    client.wait_for_results([client.submit(image, "blood-compact") for _ in range(PREDICTIONS)])
    wait_until(
        lambda: any(each["attempts"] for each in deliveries(client, webhooks)), "one is tried"
    )
    waits = []
    for _ in range(3):
        [result] = client.wait_for_results([client.submit(image, "blood-compact")])
        sent, began = map(datetime.fromisoformat, (result["created_at"], result["started_at"]))
        waits.append((began - sent).total_seconds())
    untried = [each for each in deliveries(client, webhooks) if not each["attempts"]]
    assert untried, "all messages had been given their time before the predictions began"
    assert min(waits) < sending.SECONDS / 2
