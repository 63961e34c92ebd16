"""Every page of the workbench in its states: light on a screen, dark on a phone.

axe finds nothing wrong, nothing lies beside the screen, and no page is heavy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_explain import sign_in
from tests.browser.test_gallery import SentBatch, open_gallery, tile
from tests.browser.test_main_job import PATIENCE, complaints, context
from tests.processes.stack import ApiClient, Stack

__all__ = ["complaints", "context"]

IMAGES = 6
# Of a page with its scripts and styles, as they come over the network, without images.
HEAVIEST = 150_000
WEIGHT = """() => ["navigation", "resource"]
  .flatMap((type) => performance.getEntriesByType(type))
  .filter(({ initiatorType }) => initiatorType !== "img")
  .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)"""
SCREEN, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Inspector:
    """Looks at one page after another, and keeps what axe says of each."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: list[str] = []

    def look(self, state: str) -> None:
        weight = self.page.evaluate(WEIGHT)
        if weight > HEAVIEST:
            self.found.append(f"{state}: {weight} bytes without images")
        for scheme, size in (("light", SCREEN), ("dark", PHONE)):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.page.set_viewport_size(size)
            for violation in Axe().run(self.page).response["violations"]:
                places = ", ".join(node["html"][:120] for node in violation["nodes"][:3])
                self.found.append(f"{state}, {scheme}: {violation['id']}: {places}")
            width = self.page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                self.found.append(f"{state}, {scheme}: {width} pixels wide")
        self.page.set_viewport_size(SCREEN)

    def open(self, url: str, path: str) -> None:
        self.page.goto(url + path)
        self.look(path)


@pytest.fixture
def batch(stack: Stack) -> Iterator[SentBatch]:
    """Closed, and in a project."""
    batch = SentBatch(stack)
    batch.add(IMAGES, "cell")
    batch.post("close")
    yield batch
    batch.api.session.delete(batch.address, timeout=30)


@pytest.fixture
def inspector(stack: Stack, context: BrowserContext) -> Inspector:
    page = context.new_page()
    sign_in(page, stack.url)
    return Inspector(page)


def sent(api: ApiClient, path: str, **fields: Any) -> Any:
    answer = api.session.post(f"{api.url}/api/v1/{path}", json=fields, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.timeout(600)
def test_while_images_are_brought(stack: Stack, inspector: Inspector, tmp_path: Path) -> None:
    page = inspector.page
    inspector.open(stack.url, "/batches/new/")
    (tmp_path / "notes.txt").write_text("Stained on Monday.")
    page.locator("#id_files").set_input_files(tmp_path / "notes.txt")
    inspector.look("a file is chosen")
    page.route("**/images/", lambda route: route.abort())
    page.get_by_role("button", name="Upload and classify").click()
    expect(page.locator("#trouble")).to_contain_text("cannot be reached", timeout=PATIENCE)
    inspector.look("the upload is cut off")
    page.unroute("**/images/")
    expect(page.locator("#refused")).to_contain_text("1 file not taken", timeout=PATIENCE)
    inspector.look("a file is refused")
    assert not inspector.found


@pytest.mark.timeout(600)
def test_while_a_batch_is_looked_through(inspector: Inspector, batch: SentBatch) -> None:
    page = inspector.page
    open_gallery(page, batch, IMAGES)
    inspector.look("the gallery")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    inspector.look("the keys")
    page.keyboard.press("Escape")
    tile(page, "cell-0").focus()
    page.keyboard.press("x")
    inspector.look("an image is chosen")
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog", name="cell-0.png")).to_be_visible()
    inspector.look("the large view")
    page.keyboard.press("Escape")
    for path in ("list/", "report/", "compare/", "edit/", "delete/", "differential/", "agreement/"):
        inspector.open(batch.page, path)
    keys = [row["id"] for row in batch.api.get(f"{batch.address}results.json")["results"]]
    sent(batch.api, "reviews/", predictions=keys, confirm=True)
    batch.post("sign")
    page.goto(batch.page)
    expect(page.get_by_text("Signed").first).to_be_visible(timeout=PATIENCE)
    inspector.look("the batch is signed")
    assert not inspector.found


@pytest.mark.timeout(600)
def test_around_a_batch(stack: Stack, inspector: Inspector, batch: SentBatch) -> None:
    project = sent(batch.api, "projects/", name="Autumn")["id"]
    batch.api.session.patch(batch.address, json={"project": project}, timeout=30)
    first, second, *_ = batch.api.get(f"{batch.address}results.json")["results"]
    batch.api.session.delete(f"{stack.url}/api/v1/predictions/{second['id']}/", timeout=30)
    for path in (
        "/batches/",
        "/projects/",
        f"/projects/{project}/",
        "/predictions/",
        "/predictions/?q=cell&review=unreviewed&confidence_min=0.1&sort=confidence",
        "/predictions/?q=nothing+of+this+name",
        f"/predictions/{first['id']}/",
        "/predictions/trash/",
        "/gallery/?q=cell",
        f"/compare/?image={first['image']['id']}",
        "/labelled-sets/",
    ):
        inspector.open(stack.url, path)
    assert not inspector.found


@pytest.mark.timeout(600)
def test_while_a_batch_is_read_blindly(
    stack: Stack, context: BrowserContext, batch: SentBatch
) -> None:
    stack.add_account("colleague")
    reading = sent(batch.api, f"batches/{batch.key}/assignments/", reader="colleague")["id"]
    page = context.new_page()
    sign_in(page, stack.url, "colleague")
    inspector = Inspector(page)
    for path in ("/readings/", f"/readings/{reading}/"):
        inspector.open(stack.url, path)
    assert not inspector.found
