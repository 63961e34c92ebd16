"""The box of what the model sees, moved and resized in a real browser by pointer and by keys."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_explain import sign_in
from tests.browser.test_main_job import PATIENCE, complaints, context
from tests.processes.stack import ApiClient, Stack

__all__ = ["complaints", "context"]


@pytest.fixture
def page(stack: Stack, context: BrowserContext) -> Page:
    """Where one image is classified, with a cell found in it."""
    page = context.new_page()
    sign_in(page, stack.url)
    page.get_by_role("link", name="Neutrophil").click()
    expect(page.get_by_label("What the model sees")).to_be_visible(timeout=PATIENCE)
    return page


def box(page: Page) -> tuple[int, int, int]:
    """Left, upper and side of the box on the picture, in pixels of the image."""
    shown = page.locator("[data-box]")
    left, upper, side = (
        int(shown.get_attribute(f"data-{name}") or "") for name in ("left", "upper", "side")
    )
    return left, upper, side


def drag(page: Page, across: int, down: int, *, at_corner: bool = False) -> None:
    # In a preview that has just come its script has not given the corner its place yet.
    expect(page.locator("[data-corner]")).not_to_have_attribute("r", "0")
    part = page.locator("[data-corner]" if at_corner else "[data-box] rect").last
    part.scroll_into_view_if_needed()
    grip = part.bounding_box()
    assert grip
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across / 2, y + down / 2)
    page.mouse.move(x + across, y + down)
    page.mouse.up()


def seen(page: Page) -> str | None:
    """The picture of what the model will see."""
    return page.get_by_alt_text("What the model will see").get_attribute("src")


@pytest.mark.timeout(600)
def test_the_box_is_moved_and_resized_by_pointer(page: Page, complaints: list[str]) -> None:
    found, first = box(page), seen(page)
    drag(page, 30, -20)
    moved = box(page)
    assert moved[0] > found[0]
    assert moved[1] < found[1]
    assert moved[2] == found[2]
    expect(page.get_by_label("Own box")).to_be_checked()
    said = page.get_by_text(
        f"Box of {moved[2]} pixels, from {moved[0]} across and {moved[1]} down."
    )
    expect(said).to_be_attached(timeout=PATIENCE)
    image = page.get_by_alt_text("What the model will see")
    expect(image).not_to_have_attribute("src", first or "", timeout=PATIENCE)
    drag(page, 24, 24, at_corner=True)
    grown = box(page)
    assert grown[:2] == moved[:2]
    assert grown[2] > moved[2]
    expect(page.get_by_label("Side")).to_have_value(str(grown[2]))
    assert not [*complaints, *page.evaluate("window.violations")]


@pytest.mark.timeout(600)
def test_the_box_is_moved_and_resized_by_keys_and_is_what_is_classified(
    stack: Stack, page: Page, complaints: list[str]
) -> None:
    left, upper, side = box(page)
    page.locator("[data-box]").focus()
    for key in ("ArrowRight", "Shift+ArrowLeft", "Shift+ArrowDown", "+", "+", "-"):
        page.keyboard.press(key)
    # A step is a two-hundredth of the width, and a larger box keeps its middle.
    step = round(360 / 200)
    wanted = (left + step - 10 * step - step, upper + 10 * step - step, side + 2 * step)
    expect(page.get_by_label("From the left")).to_have_value(str(wanted[0]))
    said = page.get_by_text(f"Box of {wanted[2]} pixels, from {wanted[0]} across")
    expect(said).to_be_attached(timeout=PATIENCE)
    page.get_by_role("button", name="Classify with").click()
    page.wait_for_url("**/predictions/*-*/")
    key = page.url.rstrip("/").rsplit("/", 1)[1]
    kept = ApiClient(stack.url).get(f"{stack.url}/api/v1/predictions/{key}/")["box"]
    assert (kept["left"], kept["upper"], kept["side"]) == wanted
    assert kept["origin"] == "given"
    assert not [*complaints, *page.evaluate("window.violations")]
