"""Decoding costs what the pixels cost, whatever a file claims, and not too many do so at once."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pytest_django import Settings

from classifier.uploads import isolation
from classifier.uploads.images import encode
from classifier.uploads.refusals import UploadRejected
from tests.uploads.hostile import HOSTILE
from tests.uploads.test_images import VALID, colour_blocks, read, rejection, saved

MEGABYTE = 2**20
MOST_SECONDS, MOST_MEGABYTES = 2, 400


class Meter:
    """What reading costs in this process and in the one that decodes, beyond what both had."""

    def __init__(self, children: list[int]) -> None:
        self.children, self.is_running = children, True
        self.peak = self.child_seconds = 0.0
        self.start, self.own_start = own_memory(os.getpid()), time.thread_time()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        first: dict[int, float] = {}
        while self.is_running:
            memory = own_memory(os.getpid()) - self.start
            for child in self.children:
                now = own_memory(child)
                memory += now - first.setdefault(child, now)
                self.child_seconds = max(self.child_seconds, cpu_seconds(child))
            self.peak = max(self.peak, memory)
            time.sleep(0.02)

    def stop(self) -> None:
        self.seconds = time.thread_time() - self.own_start + self.child_seconds
        self.is_running = False
        self.thread.join()


def own_memory(process: int) -> float:
    """In megabytes, without what it shares; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def cpu_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What reading came to, in words, and what it took."""

    outcome: str
    seconds: float
    megabytes: float


def measured(data: bytes) -> Cost:
    started: list[int] = []
    start = isolation.PROCESSES.Process.start

    def watched(process: Any) -> None:
        start(process)
        started.append(process.pid)

    read(VALID["tiff"])  # the server that forks starts with the first
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(isolation.PROCESSES.Process, "start", watched)
        meter = Meter(started)
        try:
            outcome = f"read as {read(data).format}"
        except UploadRejected as refusal:
            outcome = f"refused: {refusal.message}"
        meter.stop()
    return Cost(outcome, meter.seconds, meter.peak)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the processes that were started to decode."""
    started: list[int] = []
    start = isolation.PROCESSES.Process.start

    def watched(process: Any) -> None:
        start(process)
        started.append(process.pid)

    monkeypatch.setattr(isolation.PROCESSES.Process, "start", watched)
    return started


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_costs_more_than_the_largest_picture(kind: str) -> None:
    data = HOSTILE[kind]()
    assert len(data) <= 20 * MEGABYTE
    cost = measured(data)
    assert cost.seconds <= MOST_SECONDS, cost
    assert cost.megabytes <= MOST_MEGABYTES, cost


def test_usual_pictures_are_decoded_in_place(children: list[int]) -> None:
    for format in ("PNG", "JPEG"):
        read(saved(colour_blocks(1_600, 1_200), format))
    read(VALID["jpeg progressive"])
    assert not children
    for data in (saved(colour_blocks(3_200, 2_400), "JPEG"), VALID["tiff"], VALID["png 16 bits"]):
        read(data)
    assert len(children) == 3


def test_pixels_come_whole_out_of_the_other_process() -> None:
    """In many pieces."""
    large = colour_blocks(2_400, 1_600)
    assert read(saved(large, "TIFF")).pixels.tobytes() == large.tobytes()
    grey = large.convert("L").resize((4_800, 1_600))
    assert read(saved(grey, "PNG")).pixels.tobytes() == grey.tobytes()


@contextmanager
def taken(folder: Path, places: int) -> Iterator[None]:
    """As other web processes hold places."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [(folder / f"{place}.lock").open("w") for place in range(places)]
    for file in files:
        fcntl.flock(file, fcntl.LOCK_EX)
    yield
    for file in files:
        file.close()


def test_no_more_are_decoded_at_once_than_there_are_places(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(isolation, "WAIT_SECONDS", 0.2)
    with taken(tmp_path / "decoding", isolation.SLOTS):
        rejected = rejection(VALID["tiff"])
        assert (rejected.code, rejected.status) == ("busy", 503)
        assert read(VALID["jpeg"]).format == "JPEG"
    monkeypatch.undo()
    with taken(tmp_path / "decoding", isolation.SLOTS - 1):
        assert read(VALID["tiff"]).format == "TIFF"


def test_a_place_is_free_again_whatever_became_of_the_process(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR_DIR = tmp_path
    start = isolation.PROCESSES.Process.start

    def killed(process: Any) -> None:
        start(process)
        process.kill()

    with monkeypatch.context() as patched:
        patched.setattr(isolation.PROCESSES.Process, "start", killed)
        for _ in range(isolation.SLOTS + 1):
            assert rejection(VALID["tiff"]).code == "too_heavy"
    assert read(VALID["tiff"]).format == "TIFF"


def test_what_was_read_apart_is_stored_like_the_rest() -> None:
    assert encode(read(VALID["tiff"])) == encode(read(VALID["png"]))


def test_what_decoders_complain_about_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    tiff = saved(colour_blocks(), "TIFF", description="SECRET")
    broken = tiff.replace(b"SECRET", b"SECRE\xff")
    rejection(broken[: len(broken) // 2])
    assert "SECRE" not in "".join(capfd.readouterr())
