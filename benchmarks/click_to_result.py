"""How long a person waits: from the click on "Classify" until the result can be read.

`python -m benchmarks.click_to_result` starts the whole application as real processes and drives
Chromium. Beside it, in the same run and on the same machine, it times the page alone (nothing is
classified), so that the figures can be compared between machines as a ratio.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

from benchmarks.figures import report  # noqa: E402
from tests.browser.chromium import ARGUMENTS, find_chromium  # noqa: E402
from tests.processes.stack import PASSWORD, USERNAME, Stack, running_stack  # noqa: E402

ROUNDS, WARM_UP = 40, 3
PATIENCE_MS = 60_000


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "broker", "web", "worker", "beat") as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page()
        sign_in(page, stack)
        pages, results = measure(page, stack)
    report("page alone, opened", pages)
    report("click to result", results)
    print(f"ratio of the medians: {statistics.median(results) / statistics.median(pages):.2f}")


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/accounts/login/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def measure(page: Page, stack: Stack) -> tuple[list[float], list[float]]:
    """Milliseconds of each round, for the page alone and for a classification."""
    pages, results = [], []
    for _ in range(WARM_UP + ROUNDS):
        started = time.perf_counter()
        page.goto(f"{stack.url}/classify/?sample=synthetic-neutrophil")
        pages.append(1000 * (time.perf_counter() - started))
        page.wait_for_load_state("networkidle")
        results.append(classify(page))
    return pages[WARM_UP:], results[WARM_UP:]


def classify(page: Page) -> float:
    started = time.perf_counter()
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".answer-confidence")).to_be_visible(timeout=PATIENCE_MS)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
