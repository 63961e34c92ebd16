"""A batch looked through and corrected in a real browser, by pointer and by keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from classifier.synthetic import samples
from tests.browser.test_main_job import PATIENCE, complaints, context
from tests.processes.stack import PASSWORD, USERNAME, ApiClient, Stack, wait_until

__all__ = ["complaints", "context"]

MODEL = "blood-compact-28"
BLOOD = [each.slug for each in samples.samples() if each.dataset == "bloodmnist"]


class SentBatch:
    """An open batch that images are added to while its gallery is looked at."""

    def __init__(self, stack: Stack) -> None:
        self.api = ApiClient(stack.url)
        made = self.api.session.post(
            f"{stack.url}/api/v1/batches/",
            files={"model": (None, MODEL), "open": (None, "true"), "name": (None, "Slide 7")},
            timeout=30,
        )
        assert made.status_code == 202, made.text
        self.key: str = made.json()["id"]
        self.address: str = made.json()["url"]
        self.page = f"{stack.url}/batches/{self.key}/"

    def add(self, count: int, name: str) -> None:
        """Add drawn cells and wait for their results."""
        files = [
            ("images", (f"{name}-{number}.png", samples.draw(BLOOD[number % len(BLOOD)])))
            for number in range(count)
        ]
        sent = self.api.session.post(f"{self.address}images/", files=files, timeout=60)
        assert sent.status_code == 200, sent.text
        wait_until(
            lambda: (
                self.api.get(self.address)["counts"]["PENDING"] == 0
                and self.api.get(self.address)["counts"]["STARTED"] == 0
            ),
            "results of the batch",
        )

    def post(self, what: str) -> Any:
        return self.api.session.post(f"{self.address}{what}/", timeout=30)


@pytest.fixture
def batch(stack: Stack) -> Iterator[SentBatch]:
    batch = SentBatch(stack)
    batch.add(6, "first")
    yield batch
    batch.api.session.delete(batch.address, timeout=30)


@pytest.fixture
def page(stack: Stack, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f"{stack.url}/accounts/login/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{stack.url}/classify/", timeout=PATIENCE)
    return page


def open_gallery(page: Page, batch: SentBatch, images: int) -> None:
    page.goto(batch.page)
    expect(page.locator("#gallery")).to_have_attribute("aria-busy", "false", timeout=PATIENCE)
    expect(page.locator(".tile")).to_have_count(images)


def tile(page: Page, name: str) -> Locator:
    return page.locator(f".tile[aria-label^='{name}']")


def group_of(page: Page, name: str) -> Locator:
    return page.locator("[data-group]", has=tile(page, name))


def saved(page: Page) -> None:
    expect(page.locator("body.is-saving")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.timeout(600)
def test_a_batch_is_looked_through_and_corrected(
    page: Page, batch: SentBatch, complaints: list[str]
) -> None:
    open_gallery(page, batch, 6)
    page.evaluate("window.shift = 0")
    batch.add(2, "late")
    expect(page.locator(".tile")).to_have_count(8, timeout=PATIENCE)
    assert page.evaluate("window.shift") < 0.1, "what arrived moved the page"

    # The pointer on an image, and a key.
    tile(page, "first-0").hover()
    expect(page.locator("#tip")).to_contain_text("first-0.png")
    page.keyboard.press("6")
    expect(group_of(page, "first-0")).to_have_attribute("data-group", "monocyte")
    saved(page)
    tile(page, "first-0").hover()
    expect(page.locator("#tip s")).to_have_count(1)

    # Undo and redo.
    page.keyboard.press("u")
    expect(tile(page, "first-0")).to_have_attribute("data-state", "unreviewed")
    page.keyboard.press("Shift+U")
    expect(tile(page, "first-0")).to_have_attribute("data-state", "corrected")

    # Dragging to a class.
    tile(page, "first-1").hover()
    page.mouse.down()
    page.locator(".label-bar:visible [data-label='platelet']").hover()
    page.locator(".label-bar:visible [data-label='platelet']").hover(position={"x": 8, "y": 8})
    page.mouse.up()
    expect(group_of(page, "first-1")).to_have_attribute("data-group", "platelet")

    # Keys alone: choose, confirm, look closely, go on.
    tile(page, "first-2").focus()
    page.keyboard.press("x")
    expect(tile(page, "first-2")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(tile(page, "first-2")).to_have_attribute("data-state", "confirmed")
    tile(page, "first-3").focus()
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog", name="first-3.png")
    expect(dialog.locator(".large-probabilities tr")).to_have_count(8, timeout=PATIENCE)
    page.keyboard.press("t")
    expect(tile(page, "first-3")).to_have_attribute("data-state", "unclear")
    page.keyboard.press("Escape")
    saved(page)

    page.reload()
    expect(page.locator(".tile")).to_have_count(8, timeout=PATIENCE)
    expect(group_of(page, "first-0")).to_have_attribute("data-group", "monocyte")
    expect(tile(page, "first-3")).to_have_attribute("data-state", "unclear")
    assert not [*complaints, *page.evaluate("window.violations")]


@pytest.mark.timeout(600)
def test_of_two_tabs_the_last_one_is_told_and_a_refusal_is_taken_back(
    page: Page, context: BrowserContext, batch: SentBatch
) -> None:
    other = context.new_page()
    open_gallery(page, batch, 6)
    open_gallery(other, batch, 6)
    # What the other page knows is older than what this one says.
    other.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    other.wait_for_timeout(4000)
    tile(page, "first-0").hover()
    page.keyboard.press("6")
    saved(page)
    tile(other, "first-0").hover()
    other.keyboard.press("8")
    expect(other.locator("#gallery-message")).to_contain_text("had said “monocyte”")
    expect(group_of(other, "first-0")).to_have_attribute("data-group", "platelet")
    expect(group_of(page, "first-0")).to_have_attribute("data-group", "platelet", timeout=PATIENCE)

    for section in page.locator("[data-confirm-group]:visible").all():
        section.click()
    saved(page)
    expect(page.get_by_text("Close the batch when all are there")).to_be_visible(timeout=PATIENCE)
    assert batch.post("close").status_code == 200
    assert batch.post("sign").status_code == 200
    tile(page, "first-1").hover()
    before = group_of(page, "first-1").get_attribute("data-group")
    page.keyboard.press("2" if before != "eosinophil" else "3")
    expect(page.locator("#gallery-message")).to_contain_text("This batch is signed")
    expect(group_of(page, "first-1")).to_have_attribute("data-group", str(before))


@pytest.mark.timeout(600)
def test_without_scripts_an_image_is_corrected_by_a_form(
    page: Page, context: BrowserContext, batch: SentBatch, tmp_path: Path
) -> None:
    kept = tmp_path / "state.json"
    context.storage_state(path=kept)
    assert context.browser
    plain = context.browser.new_context(java_script_enabled=False, storage_state=kept)
    listed = plain.new_page()
    listed.goto(batch.page)
    expect(listed).to_have_url(f"{batch.page}list/", timeout=PATIENCE)
    listed.get_by_label("What first-0.png is").select_option("monocyte")
    listed.get_by_role("row", name="first-0.png").get_by_role("button", name="Save").click()
    expect(listed.get_by_text("Saved for 1 image.")).to_be_visible()
    plain.close()
