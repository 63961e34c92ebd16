"""A folder brought in a real browser: to results, to a search, and out again as a table."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect, sync_playwright

from classifier.synthetic import samples
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.processes.stack import PASSWORD, USERNAME, Stack, wait_until

PATIENCE = 60_000
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""
SLIDES, CELLS = 2, 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Cells in subfolders, no two alike, with a file that is no image and one of the system."""
    drawn = Image.open(io.BytesIO(samples.draw("synthetic-neutrophil"))).convert("RGB")
    for number in range(CELLS):
        slide = tmp_path / "smear" / f"slide-{number % SLIDES}"
        slide.mkdir(parents=True, exist_ok=True)
        drawn.putpixel((0, 0), (number, number, number))
        drawn.save(slide / f"cell-{number:02d}.png")
    (tmp_path / "smear" / "slide-0" / "notes.txt").write_text("Stained on Monday.")
    (tmp_path / "smear" / ".DS_Store").write_bytes(b"\0\0\0\1")
    return tmp_path / "smear"


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """Signed in, where many images are brought."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("No Chromium found. Run: python -m tests.browser.chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.add_init_script(WATCH)
        page.goto(f"{stack.url}/accounts/login/")
        page.get_by_label("Username").fill(USERNAME)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/classify/")
        page.get_by_role("link", name="Many images, a folder or a zip").click()
        yield page
        browser.close()


def upload(page: Page, folder: Path) -> None:
    page.locator("#id_folder").set_input_files(folder)
    page.get_by_role("button", name=re.compile("Upload and classify|Send what is missing")).click()


def finished(page: Page, stack: Stack) -> dict[str, Any]:
    """The batch of this page once all of it is answered, so that the next test finds no queue."""
    [key] = re.findall(r"/batches/([0-9a-f-]{36})/", page.url)

    def answered() -> dict[str, Any] | None:
        batch: dict[str, Any] = page.request.get(f"{stack.url}/api/v1/batches/{key}/").json()
        return batch if batch["finished_at"] else None

    found: dict[str, Any] = wait_until(answered, f"the results of batch {key}", every=0.5)
    return found


def search_for(page: Page, stack: Stack, words: str) -> None:
    page.goto(f"{stack.url}/predictions/")
    page.get_by_label("File, path, note or batch").fill(words)
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**/predictions/?*q=*")


@pytest.mark.timeout(600)
def test_from_a_folder_to_a_table(stack: Stack, page: Page, folder: Path) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: answer.status >= 400 and complaints.append(answer.url))
    page.get_by_text("What can be in the picture", exact=True).first.click()
    page.get_by_label("Your own choice", exact=True).check()
    page.get_by_label("neutrophil", exact=True).check()
    upload(page, folder)
    expect(page.get_by_text("Allow at least two classes")).to_be_visible()
    page.get_by_label("eosinophil", exact=True).check()
    page.get_by_role("button", name="Upload and classify").click()
    refused = page.locator("#refused")
    expect(refused).to_contain_text("1 file not taken", timeout=PATIENCE)
    expect(refused).to_contain_text("smear/slide-0/notes.txt")
    expect(page.locator(".bring-row.is-taken")).to_have_count(CELLS, timeout=PATIENCE)
    page.get_by_role("link", name="See the results", exact=True).click()
    page.wait_for_url(re.compile(r"/batches/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", name="smear", exact=True)).to_be_visible()
    batch = finished(page, stack)
    assert batch["counts"]["SUCCESS"] == CELLS
    assert batch["labels"] == ["eosinophil", "neutrophil"]
    expect(page.get_by_text("Only eosinophil · neutrophil")).to_be_visible()

    search_for(page, stack, "slide-1")
    expect(page.locator(".history tbody tr")).to_have_count(CELLS // SLIDES)
    page.get_by_label(re.compile("All .* that match")).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    table = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert sorted(row["path"] for row in rows) == [
        f"smear/slide-1/cell-{number:02d}.png" for number in range(1, CELLS, SLIDES)
    ]
    assert page.evaluate("window.violations") == []
    assert not complaints


@pytest.mark.timeout(600)
def test_an_upload_that_broke_off_goes_on(stack: Stack, page: Page, folder: Path) -> None:
    """The network goes away, the page is reloaded, and the folder is dropped once more."""
    (folder / "large.png").write_bytes(noise(9 * 2**20))
    sent: list[str] = []

    def break_off(route: Route) -> None:
        """Lets the first request through and no other."""
        sent.append(route.request.url)
        if len(sent) == 1 or route.request.method != "POST":
            route.continue_()
        else:
            route.abort()

    page.route("**/images/", break_off)
    page.on("dialog", lambda dialog: dialog.accept())
    upload(page, folder)
    expect(page.locator("#trouble")).to_contain_text("cannot be reached", timeout=PATIENCE)
    expect(page.get_by_text("What was sent is kept")).to_be_visible()
    expect(page.locator(".bring-row.is-taken").first).to_be_attached(timeout=PATIENCE)
    page.unroute("**/images/")
    page.reload()
    expect(page.locator("[data-missing-words]")).to_contain_text("missing", timeout=PATIENCE)
    upload(page, folder)
    there = page.locator(".bring-row.is-there")
    expect(page.get_by_role("link", name="See the results", exact=True)).to_be_visible(
        timeout=PATIENCE
    )
    taken = page.locator(".bring-row.is-taken")
    assert there.count() > 0
    assert there.count() + taken.count() == CELLS + 1
    batch = finished(page, stack)
    assert (batch["total"], batch["is_open"]) == (CELLS + 1, False)


def noise(byte_size: int) -> bytes:
    """An image whose file is larger than what is sent with others."""
    side = int((byte_size / 3) ** 0.5) + 1
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(buffer, "BMP")
    return buffer.getvalue()
