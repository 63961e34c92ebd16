"""Asking what an answer rests on, in a real browser, of the worker and real weights."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from classifier.synthetic import samples
from tests.browser.test_main_job import PATIENCE, complaints, context
from tests.processes.stack import PASSWORD, USERNAME, ApiClient, Stack

__all__ = ["complaints", "context"]

MODEL = "blood-compact-28"


def sign_in(page: Page, url: str, username: str = USERNAME) -> None:
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{url}/classify/", timeout=PATIENCE)


def map_by(method: str) -> str:
    return rf"Map by {method} of what spoke for .+\. (Half of it or more lies|It is spread)"


@pytest.mark.timeout(600)
def test_maps_are_asked_for_with_and_without_scripts(
    stack: Stack, context: BrowserContext, complaints: list[str]
) -> None:
    api = ApiClient(stack.url)
    [result] = api.wait_for_results([api.submit(samples.draw("synthetic-neutrophil"), MODEL)])
    address = f"{stack.url}/predictions/{result['id']}/"
    page = context.new_page()
    sign_in(page, stack.url)
    page.goto(address)
    page.evaluate("window.wasHere = true")
    page.get_by_role("button", name="Make the map by Grad-CAM").click()
    drawn = page.get_by_alt_text(re.compile(map_by("Grad-CAM")))
    expect(drawn).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("status").filter(has_text="Grad-CAM: the map is there")).to_have_count(
        1
    )
    assert page.evaluate("window.wasHere"), "the page was loaded again"

    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    expect(drawn).to_have_css("opacity", "1")
    page.keyboard.press("Home")
    expect(drawn).to_have_css("opacity", "0")
    complaints += page.evaluate("window.violations")

    assert context.browser is not None
    plain = context.browser.new_context(java_script_enabled=False)
    plain.add_cookies(context.cookies())  # type: ignore[arg-type]
    without_scripts = plain.new_page()
    without_scripts.goto(address)
    without_scripts.get_by_role("button", name="Make the map by Occlusion").click()
    # The page loads itself again until the map is there.
    found = without_scripts.get_by_alt_text(re.compile(map_by("Occlusion")))
    expect(found).to_be_visible(timeout=PATIENCE)
    expect(without_scripts.get_by_role("slider")).to_have_count(0)
    assert not complaints
