"""Labelled images in a real browser: brought, measured, a wrong label settled by a key."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from classifier.synthetic import blood
from tests.browser.test_explain import sign_in
from tests.browser.test_main_job import PATIENCE, complaints, context
from tests.processes.stack import Stack

__all__ = ["complaints", "context"]

OF_A_CLASS = 9
MISTAKEN = "drawing-neutrophil-in-the-wrong-folder.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of class folders, in which one neutrophil lies among the lymphocytes."""
    for paint in (blood.neutrophil, blood.lymphocyte):
        named = tmp_path / "laboratory" / paint.__name__.title()
        named.mkdir(parents=True)
        for seed in range(OF_A_CLASS):
            blood.draw(paint, seed).save(named / f"drawing-{seed}.png")
    blood.draw(blood.neutrophil, OF_A_CLASS).save(named / MISTAKEN)
    (named / "Thumbs.db").write_bytes(b"\0")
    return tmp_path / "laboratory"


def bring(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Bring labelled images").first.click()
    page.wait_for_url("**/labelled-sets/new/")
    page.locator("#id_folder").set_input_files(folder)
    expect(page.get_by_text(f"{2 * OF_A_CLASS + 1} files")).to_be_visible()
    page.get_by_role("button", name="Bring them").click()
    heading = page.get_by_role("heading", name="laboratory: what the names stand for")
    expect(heading).to_be_visible(timeout=PATIENCE)
    proposed = page.get_by_label("Lymphocyte counts as")
    expect(proposed).to_have_value("lymphocyte")
    page.get_by_role("button", name="Confirm the classes").click()


@pytest.mark.timeout(600)
def test_labels_are_brought_measured_and_settled_by_a_key(
    stack: Stack, context: BrowserContext, complaints: list[str], folder: Path
) -> None:
    page = context.new_page()
    sign_in(page, stack.url)
    page.goto(f"{stack.url}/labelled-sets/")
    bring(page, folder)
    for box in page.get_by_role("group", name="Measure").get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("value") == "blood-compact-28")
    page.get_by_role("button", name="Measure the chosen models").click()
    page.get_by_role("link", name="Settle it").click(timeout=PATIENCE)

    expect(page.get_by_alt_text(MISTAKEN)).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_text("All doubtful labels are settled")).to_be_visible()
    page.get_by_role("link", name="Back to the set").click()
    corrected = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="neutrophil"))
    expect(corrected).to_contain_text(str(OF_A_CLASS + 1))
    assert not complaints + page.evaluate("window.violations")
