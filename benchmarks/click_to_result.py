"""How long a person waits: from the click on "Classify" until the result can be read.

`python -m benchmarks.click_to_result` starts the whole application as real processes and drives
Chromium. Beside it, in the same run and on the same machine, it times opening the page of the
finished result, so that the figures can be compared between machines as a ratio.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
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
BYTES = """() => [
    ...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")
].reduce((sum, entry) => sum + entry.transferSize, 0)"""


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "broker", "web", "worker", "beat") as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page()
        sign_in(page, stack)
        results, finished = measure(page, stack)
        kilobytes = page.evaluate(BYTES) / 1000
    report("click to result", results)
    report("page of a finished result, opened", finished)
    print(f"ratio of the medians: {statistics.median(results) / statistics.median(finished):.2f}")
    print(f"the result's page, without what is in the browser's cache: {kilobytes:.0f} kB")


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/accounts/login/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def measure(page: Page, stack: Stack) -> tuple[list[float], list[float]]:
    """Milliseconds of each round, for a classification and for its result opened once more."""
    results, finished = [], []
    for _ in range(WARM_UP + ROUNDS):
        page.goto(f"{stack.url}/classify/?sample=synthetic-neutrophil")
        page.wait_for_load_state("networkidle")
        results.append(until_answered(page.get_by_role("button", name="Classify").click, page))
        page.wait_for_load_state("networkidle")
        finished.append(until_answered(lambda: page.goto(page.url, wait_until="commit"), page))
    return results[WARM_UP:], finished[WARM_UP:]


def until_answered(act: Callable[[], object], page: Page) -> float:
    """Milliseconds from an act until the answer can be read."""
    started = time.perf_counter()
    act()
    expect(page.locator(".answer-confidence")).to_be_visible(timeout=PATIENCE_MS)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
