"""Projects, kept searches and the comparison of models in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_explain import sign_in
from tests.browser.test_gallery import SentBatch, open_gallery, tile
from tests.browser.test_main_job import PATIENCE, complaints, context
from tests.processes.stack import Stack

__all__ = ["complaints", "context"]

IMAGES = 4
READER, VIEWER = "colleague", "student"


@pytest.fixture
def batch(stack: Stack) -> Iterator[SentBatch]:
    batch = SentBatch(stack)
    batch.add(IMAGES, "cell")
    yield batch
    batch.api.session.delete(batch.address, timeout=30)


@pytest.fixture
def page(stack: Stack, context: BrowserContext) -> Page:
    page = context.new_page()
    sign_in(page, stack.url)
    return page


def page_of(context: BrowserContext, stack: Stack, username: str) -> Page:
    """Of another person, in a browser of their own."""
    assert context.browser
    page = context.browser.new_page()
    page.set_default_timeout(PATIENCE)
    sign_in(page, stack.url, username)
    return page


def add_member(page: Page, username: str, role: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Part", exact=True).select_option(role)
    page.get_by_role("button", name="Add or change").click()
    expect(page.get_by_role("listitem").filter(has_text=username)).to_be_visible()


@pytest.mark.timeout(600)
def test_a_batch_is_shared_in_a_project(
    stack: Stack, context: BrowserContext, page: Page, batch: SentBatch, complaints: list[str]
) -> None:
    for username in (READER, VIEWER):
        stack.add_account(username)
    page.goto(f"{stack.url}/projects/")
    page.get_by_label("Name").fill("Bone marrow")
    page.get_by_role("button", name="Make the project").click()
    add_member(page, READER, "reader")
    add_member(page, VIEWER, "viewer")
    project = page.url
    page.goto(f"{batch.page}edit/")
    page.get_by_label("Project").select_option(label="Bone marrow")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Batches")).to_be_visible()

    viewer = page_of(context, stack, VIEWER)
    viewer.goto(project)
    expect(viewer.get_by_role("link", name="Bring images")).to_have_count(0)
    viewer.get_by_role("link", name="Slide 7").click()
    expect(viewer.locator(".tile")).to_have_count(IMAGES, timeout=PATIENCE)
    expect(viewer.locator(".label-bar")).to_have_count(0)
    expect(viewer.get_by_text("The owner of the batch signs it.")).to_be_visible()

    reader = page_of(context, stack, READER)
    reader.goto(batch.page)
    expect(reader.locator(".tile")).to_have_count(IMAGES, timeout=PATIENCE)
    tile(reader, "cell-0").hover()
    reader.keyboard.press("6")
    corrected = viewer.locator("[data-group='monocyte']", has=tile(viewer, "cell-0"))
    expect(corrected).to_have_count(1, timeout=PATIENCE)

    page.goto(project)
    page.get_by_role("button", name=f"Take out {VIEWER}").click()
    expect(page.get_by_role("listitem").filter(has_text=VIEWER)).to_have_count(0)
    answer = viewer.goto(batch.page)
    assert answer
    assert answer.status == 404
    page.get_by_role("link", name="Delete the project").click()
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{stack.url}/projects/", timeout=PATIENCE)
    open_gallery(page, batch, IMAGES)
    for each in (viewer, reader):
        each.close()
    assert not [*complaints, *page.evaluate("window.violations")]


@pytest.mark.timeout(600)
def test_a_search_is_kept_found_again_and_kept_no_longer(
    stack: Stack, page: Page, batch: SentBatch, complaints: list[str]
) -> None:
    page.goto(f"{stack.url}/predictions/")
    page.get_by_label("File, path, note or batch").fill("cell-2")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Review", exact=True).select_option("unreviewed")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".history tbody tr")).to_have_count(1, timeout=PATIENCE)
    page.get_by_label("Name of this search").fill("To look at")
    page.get_by_role("button", name="Keep this search").click()
    expect(page.get_by_text("This search is kept as “To look at”.")).to_be_visible()

    page.goto(f"{stack.url}/predictions/")
    kept = page.get_by_role("navigation", name="Kept searches")
    kept.get_by_role("link", name="To look at").click()
    page.wait_for_url("**/predictions/?*q=cell-2*")
    expect(page.locator(".history tbody tr")).to_have_count(1)
    page.get_by_role("link", name="As gallery").click()
    expect(page.locator(".tile")).to_have_count(1, timeout=PATIENCE)
    page.go_back()
    page.get_by_role("button", name="Keep “To look at” no longer").click()
    expect(page.get_by_role("navigation", name="Kept searches")).to_have_count(0)
    assert not [*complaints, *page.evaluate("window.violations")]


@pytest.mark.timeout(600)
def test_a_batch_goes_through_a_second_model_and_where_they_differ_comes_first(
    page: Page, batch: SentBatch, complaints: list[str]
) -> None:
    batch.post("close")
    open_gallery(page, batch, IMAGES)
    page.get_by_role("link", name="Compare models").click()
    offered = page.get_by_role("checkbox")
    expect(offered.first).to_be_visible()
    for box in offered.all():
        box.set_checked(box.get_attribute("value") == "blood-dnn-relu")
    page.get_by_role("button", name="Run the images through them").click()
    expect(page.locator(".compare thead th")).to_have_count(5, timeout=PATIENCE)
    expect(page.get_by_text("still to come")).to_have_count(0, timeout=PATIENCE)
    rows = page.locator(".compare tbody tr")
    expect(rows).to_have_count(IMAGES)
    differing = ["is-differing" in (row.get_attribute("class") or "") for row in rows.all()]
    assert differing == sorted(differing, reverse=True)
    expect(page.get_by_text(f"{sum(differing)} of {IMAGES} images are called")).to_be_visible()
    expect(page.get_by_text("each weighted by 1 / its log loss")).to_be_visible()
    assert not [*complaints, *page.evaluate("window.violations")]
