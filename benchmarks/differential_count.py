"""How long a differential count of 200 cells takes a practised hand, in the gallery.

`python -m benchmarks.differential_count` starts the whole application as real processes, has 200
drawn cells classified, and counts them in Chromium at the pace of the Keystroke-Level Model (Card,
Moran and Newell 1980): so long for a key, for moving the pointer to a place, and for making up
one's mind about it. One cell in twenty is corrected by itself, each group confirmed as a whole, and
the batch signed.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

from playwright.sync_api import Locator, Page, expect, sync_playwright  # noqa: E402

from benchmarks.click_to_result import sign_in  # noqa: E402
from benchmarks.review_speed import cell, wait_until_saved  # noqa: E402
from tests.browser.chromium import ARGUMENTS, find_chromium  # noqa: E402
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until  # noqa: E402

CELLS, WRONG_ONE_IN = 200, 20
MODEL = "blood-compact-28"
# Seconds of a good typist's key, of pointing, of a click, and of the mind's readiness.
KEY, POINT, CLICK, MIND = 0.20, 1.10, 0.20, 1.35
PATIENCE_MS = 120_000


class Hand:
    """Presses and points at the model's pace, and counts how often."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keys = self.clicks = 0

    def _take(self, seconds: float) -> None:
        self.page.wait_for_timeout(1000 * seconds)

    def point(self, place: Locator) -> None:
        self._take(MIND + POINT)
        place.hover()

    def press(self, key: str) -> None:
        self._take(KEY)
        self.page.keyboard.press(key)
        self.keys += 1

    def click(self, place: Locator) -> None:
        self.point(place)
        self._take(CLICK)
        place.click()
        self.clicks += 1


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "broker", "web", "worker", "beat") as stack,
        sync_playwright() as playwright,
    ):
        address = send(stack)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        sign_in(page, stack)
        page.wait_for_url("**/classify/")
        page.goto(address)
        expect(page.locator("#gallery")).to_have_attribute("aria-busy", "false")
        count(page)


def send(stack: Stack) -> str:
    api = ApiClient(stack.url)
    files = [("images", (f"cell-{number:03}.png", cell(number))) for number in range(CELLS)]
    made = api.session.post(
        f"{stack.url}/api/v1/batches/", data={"model": MODEL}, files=files, timeout=120
    )
    made.raise_for_status()
    url = made.json()["url"]
    wait_until(lambda: api.get(url)["finished_at"], "the batch has ended", seconds=300, every=0.5)
    return f"{stack.url}/batches/{made.json()['id']}/"


def count(page: Page) -> None:
    hand, started = Hand(page), time.perf_counter()
    groups = page.locator("[data-group]", has=page.locator("[data-state=unreviewed]"))
    corrected = 0
    for number in range(CELLS // WRONG_ONE_IN):
        waiting = page.locator(".tile[data-state=unreviewed]")
        hand.point(waiting.nth(number * (WRONG_ONE_IN - 2) % waiting.count()))
        hand.press("4")
        corrected += 1
    while groups.count():
        hand.click(groups.first.locator("[data-confirm-group]"))
    wait_until_saved(page)
    hand.click(page.get_by_role("button", name="Sign off"))
    expect(page.get_by_text("locked").first).to_be_visible()
    page.goto(page.url.partition("?")[0] + "differential/")
    expect(page.get_by_role("heading", name="Differential count")).to_be_visible()
    passed = time.perf_counter() - started
    print(
        f"{CELLS} cells, {corrected} corrected: {hand.keys} keys and {hand.clicks} clicks in "
        f"{passed:.0f} s (aim 60); load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
