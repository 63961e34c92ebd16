"""The whole job in a real browser, against the application as `make run` serves it."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from classifier.web.forms import MANY_IMAGES
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.processes.stack import USERNAME, Stack

PASSWORD = "correct horse battery"
# Two cores may be training a model meanwhile.
PATIENCE = 60_000
# Runs in every page before its own scripts: what the page must not do, and how far it jumps.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of: errors in scripts, on the console, and of requests."""
    return []


@pytest.fixture
def context(complaints: list[str]) -> Iterator[BrowserContext]:
    executable = find_chromium()
    if executable is None:
        pytest.fail("No Chromium found. Run: python -m tests.browser.chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        context.on("page", lambda page: listen(page, complaints))
        yield context
        browser.close()


def listen(page: Page, complaints: list[str]) -> None:
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    page.on("response", lambda answer: answer.status >= 400 and complaints.append(answer.url))


@contextmanager
def paused(stack: Stack, name: str) -> Iterator[None]:
    """Stops a process where it stands, so that a page has something to wait for."""
    group = stack.running[name].pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def stored_files(stack: Stack) -> set[Path]:
    return {path for path in (stack.var_dir / "media").rglob("*") if path.is_file()}


def sign_up(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("Email").fill("newcomer@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page).to_have_url(f"{url}/classify/", timeout=PATIENCE)


def choose_sample(page: Page) -> None:
    page.get_by_role("link", name="Neutrophil").click()
    preview = page.get_by_alt_text("Preview of synthetic-neutrophil.png")
    expect(preview).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("360 × 363 px · PNG")).to_be_visible()
    expect(page.get_by_alt_text("What the model will see")).to_be_visible()
    expect(page.get_by_text("the central 200 × 200 of 360 × 363 pixels")).to_be_visible()
    page.get_by_text("None", exact=True).click()
    expect(page.get_by_text("the whole image, 360 × 363 pixels")).to_be_visible(timeout=PATIENCE)
    page.get_by_text("Auto", exact=True).click()


def classify(page: Page, stack: Stack) -> None:
    """Send the image while the worker stands still, and see the wait become the result."""
    with paused(stack, "worker"):
        page.get_by_role("button", name="Classify with").click()
        page.wait_for_url(re.compile(r"/predictions/[0-9a-f-]{36}/$"))
        expect(page.get_by_text("Next in the queue")).to_be_visible(timeout=PATIENCE)
        page.evaluate("window.wasHere = true; window.shift = 0")
    expect(page.locator(".outcome-success")).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("window.wasHere"), "the page was loaded again"
    assert page.evaluate("window.shift") < 0.01, "the result moved the page"
    expect(page.get_by_role("status").filter(has_text="Predicted class")).to_have_count(1)


def check_result(page: Page) -> None:
    expect(page.locator(".probability")).to_have_count(8, timeout=PATIENCE)
    expect(page.locator(".answer-class")).not_to_be_empty()
    expect(page.get_by_alt_text("The image as the model saw it")).to_be_visible()
    expect(page.get_by_text("This is a synthetic sample")).to_be_visible()
    expect(page.get_by_text("Research use only — not for diagnosis.")).to_be_visible()


def results_in_history(page: Page, url: str) -> Any:
    page.goto(f"{url}/predictions/")
    return page.locator(".history tbody tr")


def delete(page: Page, url: str) -> None:
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{url}/predictions/", timeout=PATIENCE)
    expect(page.get_by_text("You have not classified anything yet")).to_be_visible()


@pytest.mark.timeout(600)
def test_main_job(stack: Stack, context: BrowserContext, complaints: list[str]) -> None:
    kept_by_others = stored_files(stack)
    page = context.new_page()
    sign_up(page, stack.url)
    choose_sample(page)
    classify(page, stack)
    check_result(page)
    result = page.url

    page.reload()
    check_result(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Classify an image")).to_be_visible()
    page.go_forward()
    check_result(page)

    second = context.new_page()
    second.goto(result)
    check_result(second)
    expect(results_in_history(second, stack.url)).to_have_count(1)
    second.get_by_role("link", name="synthetic-neutrophil.png").click()
    expect(second).to_have_url(result, timeout=PATIENCE)

    assert stored_files(stack) > kept_by_others
    delete(page, stack.url)
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("button", name="Take back synthetic-neutrophil.png").click()
    check_result(page)
    for each in (page, second):
        complaints += each.evaluate("window.violations")
    assert not complaints


DROP_TWO_FILES = """
const dropped = new DataTransfer();
for (const name of ["first.png", "second.png"]) {
  dropped.items.add(new File(["of no matter"], name, { type: "image/png" }));
}
document.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, cancelable: true }));
"""


def test_of_several_dropped_files_and_of_a_large_one_none_is_taken_silently(
    stack: Stack, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(f"{stack.url}/accounts/login/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{stack.url}/classify/", timeout=PATIENCE)
    page.evaluate(DROP_TWO_FILES)
    expect(page.get_by_text(MANY_IMAGES)).to_be_visible(timeout=PATIENCE)
    (tmp_path / "large.tif").write_bytes(bytes(40 * 10**6))
    page.locator("#id_image").set_input_files(tmp_path / "large.tif")
    expect(page.get_by_text("This file is larger than 20 MB.")).to_be_visible(timeout=PATIENCE)
