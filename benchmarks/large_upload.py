"""Two gigabytes brought through the page, while the network goes away and the server is restarted.

`python -m benchmarks.large_upload` starts the whole application as real processes, and lets
Chromium bring a folder of large files. They are small images with much beside their pixels, so
that the time is that of the way and not of the decoding. At a quarter of it the network is cut, at
half of it the web server is killed and started again, and at three quarters the page is loaded
again and the folder chosen anew. All images have to be there at the end, each once.
"""

import io
import os
import re
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

from PIL import Image  # noqa: E402
from playwright.sync_api import Page, Request, expect, sync_playwright  # noqa: E402

from benchmarks.click_to_result import sign_in  # noqa: E402
from tests.browser.chromium import ARGUMENTS, find_chromium  # noqa: E402
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until  # noqa: E402

TOTAL_BYTES = int(os.environ.get("UPLOAD_MEGABYTES", "2000")) * 10**6
SIDE, SEGMENTS = 600, 112
MODEL = "blood-compact-28"
CUT_SECONDS = 15
PATIENCE_MS = 1_800_000


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as var_dir,
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(var_dir), "broker", "web", "worker", "beat") as stack,
        sync_playwright() as playwright,
    ):
        count, byte_size = write_photographs(Path(folder) / "slides")
        print(f"{count} photographs, {byte_size / 1e9:.2f} GB")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        sign_in(page, stack)
        page.wait_for_url("**/classify/")
        bring(page, stack, Path(folder) / "slides", count)


def write_photographs(folder: Path) -> tuple[int, int]:
    """Files of one image, of which each has comments of its own; how many, how large together."""
    buffer = io.BytesIO()
    Image.effect_noise((SIDE, SIDE), 60).convert("RGB").save(buffer, "JPEG")
    start, rest = buffer.getvalue()[:2], buffer.getvalue()[2:]
    written = number = 0
    while written < TOTAL_BYTES:
        slide = folder / f"slide-{number % 10}"
        slide.mkdir(parents=True, exist_ok=True)
        comment = b"\xff\xfe\xff\xff" + os.urandom(0xFFFF - 2)
        file = slide / f"field-{number:04}.jpg"
        written += file.write_bytes(start + SEGMENTS * comment + rest)
        number += 1
    return number, written


def bring(page: Page, stack: Stack, folder: Path, count: int) -> None:
    posts: list[Request] = []
    page.on("request", lambda each: each.method == "POST" and posts.append(each))
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{stack.url}/batches/new/")
    for box in page.locator("[name=model]").all():
        box.set_checked(box.get_attribute("value") == MODEL)
    started = time.perf_counter()
    choose(page, folder)
    wait_for(page, count // 4, started)
    page.context.set_offline(True)
    page.wait_for_timeout(1000 * CUT_SECONDS)
    page.context.set_offline(False)
    print(f"network cut for {CUT_SECONDS} s")
    wait_for(page, count // 2, started)
    stack.kill("web")
    stack.start("web")
    print("web server killed and started again")
    wait_for(page, 3 * count // 4, started)
    page.reload()
    missing = page.locator("[data-missing-words]")
    expect(missing).to_contain_text("missing")
    print(f"page loaded again: {missing.inner_text()}")
    choose(page, folder)
    results = page.get_by_role("link", name="See the results", exact=True)
    expect(results.or_(page.locator("#gallery"))).to_be_visible(timeout=PATIENCE_MS)
    uploaded = time.perf_counter() - started
    print(
        f"uploaded in {uploaded:.0f} s, {TOTAL_BYTES / 1e6 / uploaded:.0f} MB/s, {len(posts)} POSTs"
    )
    check(page, stack, count, started)


def choose(page: Page, folder: Path) -> None:
    page.locator("#id_folder").set_input_files(folder)
    page.get_by_role("button", name=re.compile("Upload and classify|Send what is missing")).click()


def wait_for(page: Page, count: int, started: float) -> None:
    taken = page.locator(".bring-row.is-taken")
    while taken.count() < count:
        page.wait_for_timeout(500)
    print(f"{taken.count()} taken after {time.perf_counter() - started:.0f} s")


def check(page: Page, stack: Stack, count: int, started: float) -> None:
    [key] = re.findall(r"/batches/([0-9a-f-]{36})/", page.url)
    api, address = ApiClient(stack.url), f"{stack.url}/api/v1/batches/{key}/"
    wait_until(lambda: api.get(address)["finished_at"], "the results", seconds=1800, every=2)
    files = api.get(f"{address}images/")
    files = files if isinstance(files, list) else files["files"]
    paths = {each["path"] for each in files}
    print(
        f"all answered after {time.perf_counter() - started:.0f} s: {len(files)} files, "
        f"{len(paths)} paths of {count}, refused {sum(bool(each['reason']) for each in files)}; "
        f"{api.get(address)['counts']}; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
