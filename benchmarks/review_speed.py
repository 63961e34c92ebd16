"""How many images an hour can be reviewed in the gallery, driven through Chromium by its keys.

`python -m benchmarks.review_speed` starts the whole application as real processes, has a thousand
drawn cells classified, and reviews them twice as a person does: group by group, where one image in
twenty is corrected by itself and the rest confirmed at once, and image by image. The clock stops
when the server has stored the last answer.
"""

import io
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

from PIL import Image  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

from benchmarks.click_to_result import sign_in  # noqa: E402
from classifier.synthetic import samples  # noqa: E402
from tests.browser.chromium import ARGUMENTS, find_chromium  # noqa: E402
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until  # noqa: E402

IMAGES, ONE_BY_ONE, WRONG_ONE_IN = 1_000, 200, 20
MODEL = "blood-compact-28"
PATIENCE_MS = 600_000
FASTEST_KNOWN = 16_000  # MorphoCluster, Schröder et al. 2020


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
        expect(page.locator("#gallery")).to_have_attribute("aria-busy", "false", timeout=120_000)
        figure("image by image", ONE_BY_ONE, review_one_by_one(page))
        page.reload()
        expect(page.locator("#gallery")).to_have_attribute("aria-busy", "false", timeout=120_000)
        number, seconds = review_groups(page)
        figure("group by group", number, seconds)


def send(stack: Stack) -> str:
    """The address of the gallery of a classified batch."""
    api = ApiClient(stack.url)
    files = [("images", (f"cell-{number:04}.png", cell(number))) for number in range(IMAGES)]
    made = api.session.post(
        f"{stack.url}/api/v1/batches/", data={"model": MODEL}, files=files, timeout=300
    )
    made.raise_for_status()
    url = made.json()["url"]
    wait_until(lambda: api.get(url)["finished_at"], "the batch has ended", seconds=600, every=1)
    return f"{stack.url}/batches/{made.json()['id']}/"


def cell(number: int) -> bytes:
    """A drawn cell at the size of the data set, turned so that not all are the same."""
    blood = [each.slug for each in samples.samples() if each.dataset == "bloodmnist"]
    with Image.open(io.BytesIO(samples.draw(blood[number % len(blood)]))) as image:
        small = image.convert("RGB").crop((80, 80, 280, 280)).rotate(90 * (number % 4))
    buffer = io.BytesIO()
    small.resize((28, 28)).save(buffer, "PNG")
    return buffer.getvalue()


def review_one_by_one(page: Page) -> float:
    page.locator(".tile").first.focus()
    started = time.perf_counter()
    for _ in range(ONE_BY_ONE):
        page.keyboard.press("Enter")
    wait_until_saved(page)
    return time.perf_counter() - started


def review_groups(page: Page) -> tuple[int, float]:
    """The number of images that had no review, and the seconds until all have one."""
    number = page.locator(".tile[data-state=unreviewed]").count()
    started = time.perf_counter()
    while page.locator(".tile[data-state=unreviewed]").count():
        group = page.locator("[data-group]", has=page.locator("[data-state=unreviewed]")).first
        waiting = group.locator("[data-state=unreviewed]")
        for _ in range(waiting.count() // WRONG_ONE_IN):
            waiting.first.focus()
            page.keyboard.press("4")
        group.locator("[data-confirm-group]").click()
    wait_until_saved(page)
    return number, time.perf_counter() - started


def wait_until_saved(page: Page) -> None:
    expect(page.locator("body.is-saving")).to_have_count(0, timeout=PATIENCE_MS)


def figure(what: str, number: int, seconds: float) -> None:
    an_hour = 3600 * number / seconds
    load = os.getloadavg()[0]
    print(
        f"{what}: {number} images in {seconds:.1f} s, {an_hour:,.0f} an hour "
        f"({an_hour / FASTEST_KNOWN:.1f} × {FASTEST_KNOWN:,}); load {load:.1f}"
    )


if __name__ == "__main__":
    main()
