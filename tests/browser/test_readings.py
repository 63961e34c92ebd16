"""A batch read blindly, signed, reopened, deleted and taken back, in a real browser."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_explain import sign_in
from tests.browser.test_gallery import SentBatch, batch, complaints, context, page
from tests.browser.test_main_job import PATIENCE
from tests.processes.stack import Stack

__all__ = ["batch", "complaints", "context", "page"]

IMAGES, READER = 6, "colleague"


def read_by_keys(context: BrowserContext, stack: Stack) -> None:
    """By the reader, in a browser of their own."""
    assert context.browser
    page = context.browser.new_page()
    sign_in(page, stack.url, READER)
    page.goto(f"{stack.url}/readings/")
    page.get_by_role("link", name="Slide 7").click()
    for number in range(IMAGES):
        expect(page.get_by_text(f"{number} of {IMAGES} read")).to_be_visible(timeout=PATIENCE)
        page.keyboard.press("7")
    expect(page.get_by_text(f"You have read all {IMAGES} images.")).to_be_visible()
    page.get_by_role("button", name="I am done").click()
    expect(page.get_by_role("heading", name="To read")).to_be_visible(timeout=PATIENCE)
    page.close()


@pytest.mark.timeout(600)
def test_a_batch_is_read_signed_deleted_and_taken_back(
    stack: Stack, page: Page, batch: SentBatch, context: BrowserContext, complaints: list[str]
) -> None:
    stack.add_account(READER)
    batch.post("close")
    page.goto(f"{batch.page}agreement/")
    page.get_by_label("Username").fill(READER)
    page.get_by_role("button", name="Give to a reader").click()
    read_by_keys(context, stack)
    page.goto(f"{batch.page}agreement/")
    pair = page.get_by_role("region", name="Agreement of pairs").get_by_role("row")
    expect(pair.filter(has_text=READER)).to_contain_text(str(IMAGES))

    results = batch.api.get(f"{batch.address}results.json")["results"]
    said = {"predictions": [each["id"] for each in results], "confirm": True}
    confirmed = batch.api.session.post(f"{stack.url}/api/v1/reviews/", json=said, timeout=30)
    assert confirmed.status_code == 200
    page.goto(batch.page)
    page.get_by_role("button", name="Sign off").click()
    expect(page.get_by_label("Reason for reopening")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Reason for reopening").fill("One image is of another patient.")
    page.get_by_role("button", name="Reopen").click()
    expect(page.get_by_role("button", name="Sign off")).to_be_visible(timeout=PATIENCE)

    page.goto(f"{batch.page}delete/")
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{stack.url}/batches/", timeout=PATIENCE)
    page.goto(f"{stack.url}/predictions/trash/")
    # The newest comes first; batches of other tests lie here too.
    page.get_by_role("button", name="Take back all of it").first.click()
    expect(page.get_by_text(f"{IMAGES} results are back.")).to_be_visible(timeout=PATIENCE)
    page.goto(batch.page)
    expect(page.locator(".tile")).to_have_count(IMAGES, timeout=PATIENCE)
    assert not [*complaints, *page.evaluate("window.violations")]
