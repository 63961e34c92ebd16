"""Whatever dies, each prediction ends with exactly one result. Real processes, really killed."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings

from classifier.synthetic import samples
from medclassifier.broker import find_server, socket_path
from tests.processes.bundles import write_slow_bundle
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until

SLOW, BATCH_SIZE = "slow", 4
BLOOD = "blood-compact"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation of its own, with short limits, since these tests break it again and again."""
    models_dir = tmp_path_factory.mktemp("models")
    shutil.copytree(settings.MODELS_DIR / BLOOD, models_dir / BLOOD)
    write_slow_bundle(models_dir, SLOW)
    limits = {
        "MODELS_DIR": str(models_dir),
        "PREDICTION_BATCH_SIZE": str(BATCH_SIZE),
        "PREDICTION_TIME_LIMIT": "20",
        "SWEEP_INTERVAL": "2",
    }
    var_dir = tmp_path_factory.mktemp("var")
    with running_stack(var_dir, "broker", "web", "worker", "beat", **limits) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> ApiClient:
    return ApiClient(stack.url)


@pytest.fixture(scope="module")
def image() -> bytes:
    return samples.draw(next(known for known in samples.samples()).slug)


def submit_many(client: ApiClient, image: bytes, count: int, model: str = SLOW) -> list[str]:
    return [client.submit(image, model) for _ in range(count)]


def wait_until_running(client: ApiClient, urls: list[str]) -> None:
    # The first image may run alone, and be done before anything can be killed.
    wait_until(lambda: client.statuses(urls).count("STARTED") > 1, "a batch is running")


def assert_one_result_each(client: ApiClient, urls: list[str]) -> None:
    results = client.wait_for_results(urls)
    assert {result["status"] for result in results} == {"SUCCESS"}
    again = [client.get(url) for url in urls]
    assert again == results, "a result was written a second time"
    assert len({result["id"] for result in results}) == len(urls)


def trouble(stack: Stack) -> str:
    """What the health page says while something is wrong; it is up to two seconds old."""
    answer = requests.get(f"{stack.url}/healthz", timeout=30)
    return answer.text if answer.status_code == 503 else ""


def test_broker_down_during_an_upload(stack: Stack, client: ApiClient, image: bytes) -> None:
    stack.kill("broker")
    url = client.submit(image, BLOOD)
    assert client.get(url)["status"] == "PENDING"
    assert "broker" in wait_until(lambda: trouble(stack), "the broker is missed", seconds=10)
    stack.start("broker")
    assert_one_result_each(client, [url])


def test_worker_child_killed_in_the_middle_of_a_batch(
    stack: Stack, client: ApiClient, image: bytes
) -> None:
    urls = submit_many(client, image, 2 * BATCH_SIZE)
    wait_until_running(client, urls)
    [child] = stack.children("worker")
    subprocess.run(["kill", "-KILL", str(child)], check=True)
    assert_one_result_each(client, urls)


def test_whole_worker_killed_in_the_middle_of_a_batch(
    stack: Stack, client: ApiClient, image: bytes
) -> None:
    urls = submit_many(client, image, 2 * BATCH_SIZE)
    wait_until_running(client, urls)
    stack.kill("worker", signal.SIGKILL)
    assert "STARTED" in client.statuses(urls)
    stack.start("worker")
    assert_one_result_each(client, urls)


def test_redis_emptied_while_predictions_wait(
    stack: Stack, client: ApiClient, image: bytes
) -> None:
    urls = submit_many(client, image, 3 * BATCH_SIZE)
    wait_until_running(client, urls)
    cli = Path(find_server()).with_name("redis-cli")
    subprocess.run([cli, "-s", socket_path(stack.var_dir), "FLUSHALL"], check=True)
    assert "PENDING" in client.statuses(urls)
    assert_one_result_each(client, urls)
