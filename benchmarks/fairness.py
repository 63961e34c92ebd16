"""How long one image of a person waits while thousands of another person's do.

`python -m benchmarks.fairness` starts the whole application as real processes. One person sends
five batches of a thousand images while no worker runs; then a worker is started, and once it is at
work another person sends single images, one after another. The clock runs from the POST until the
result can be read.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402

from benchmarks.figures import report  # noqa: E402
from benchmarks.review_speed import cell  # noqa: E402
from tests.processes.stack import PASSWORD, ApiClient, Stack, running_stack, wait_until  # noqa: E402

MODEL = "blood-compact"
COLLEAGUE = "colleague"
BATCHES, OF_A_BATCH, SINGLE = 5, 1_000, 15
PROMISED_SECONDS = 2.0
CREATED = (
    "from django.contrib.auth.models import User;"
    f"User.objects.create_user({COLLEAGUE!r}, password={PASSWORD!r})"
)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "broker", "web", "beat") as stack,
    ):
        command = [sys.executable, "manage.py", "shell", "-c", CREATED]
        subprocess.run(command, cwd=settings.BASE_DIR, env=stack.environment, check=True)
        batches = send_many(ApiClient(stack.url))
        stack.start("worker")
        print_figures(stack, batches)


def send_many(client: ApiClient) -> list[str]:
    """The addresses of batches that all wait."""
    files = [("images", (f"cell-{number}.png", cell(number))) for number in range(OF_A_BATCH)]
    addresses = []
    for _ in range(BATCHES):
        answer = client.session.post(
            f"{client.url}/api/v1/batches/", data={"model": MODEL}, files=files, timeout=300
        )
        answer.raise_for_status()
        addresses.append(answer.json()["url"])
    return addresses


def print_figures(stack: Stack, batches: list[str]) -> None:
    many, one = ApiClient(stack.url), ApiClient(stack.url, COLLEAGUE)

    def waiting() -> int:
        return sum(many.get(batch)["counts"]["PENDING"] for batch in batches)

    at_first = waiting()
    wait_until(lambda: waiting() < at_first, "the worker is at work", every=0.2)
    milliseconds = []
    for number in range(SINGLE):
        started = time.perf_counter()
        url = one.submit(cell(number), MODEL)
        wait_until(lambda url=url: one.get(url)["finished_at"], "the single image", every=0.05)
        milliseconds.append(1000 * (time.perf_counter() - started))
    print(f"{at_first:,} waited at first, {waiting():,} at the end; load {os.getloadavg()[0]:.1f}")
    report("POST of a single image to its result", milliseconds)
    within = sum(each <= 1000 * PROMISED_SECONDS for each in milliseconds)
    print(f"within {PROMISED_SECONDS:g} s: {within} of {SINGLE}")


if __name__ == "__main__":
    main()
