"""The command-line client against a site that answers over a real socket."""

import csv
import errno
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as project
from django.contrib.auth.models import User
from django.utils import timezone
from PIL import Image
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from rest_framework.exceptions import ParseError

from classifier import quotas, tasks
from classifier.client import journal as journals
from classifier.client import site as sites
from classifier.client.files import held_alone
from classifier.client.journal import Journal
from classifier.client.run import classify_folder
from classifier.client.site import ClientError, Site
from classifier.models import ApiToken, Batch, ImageUpload, Prediction, Status, TrainedModel
from tests.factories import TrainedModelFactory, png
from tests.smears import smear

pytestmark = pytest.mark.django_db(transaction=True)

RUN: dict[str, Any] = {"models": ["blood"], "crop": "auto"}


@pytest.fixture(autouse=True)
def quick_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers at once; what workers do with batches is tried in tests/processes."""

    def answer(slug: str) -> None:
        Prediction.objects.filter(status=Status.PENDING).update(
            status=Status.SUCCESS,
            predicted_label="monocyte",
            confidence=0.9,
            probabilities=[["monocyte", 0.9], ["platelet", 0.1]],
            in_distribution=True,
            prediction_set=["monocyte", "platelet"],
            model_version=1,
            started_at=timezone.now(),
            finished_at=timezone.now(),
        )

    monkeypatch.setattr(tasks.run_predictions, "delay", answer)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(sites.time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def trained_model(db: None) -> TrainedModel:
    return TrainedModelFactory.create(slug="blood")


@pytest.fixture
def token(user: User) -> str:
    return ApiToken.objects.issue(user, name="client")[1]


@pytest.fixture
def site(live_server: LiveServer, token: str, trained_model: TrainedModel) -> Site:
    return Site(live_server.url, token)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(5):
        (folder / f"cell{number}.png").write_bytes(png(20 + number, 20))
    (folder / "broken.png").write_bytes(b"text")
    (folder / "Thumbs.db").write_text("by Windows")
    (folder / ".hidden.png").write_bytes(png())
    return folder


@pytest.fixture
def small_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "PARCEL_FILES", 2)


def classify(site: Site, folder: Path, **run: Any) -> list[dict[str, str]]:
    output = folder.parent / "results.csv"
    journal = Journal.open(Path(f"{output}.journal"), {**RUN, **run})
    classify_folder(site, folder, journal, output)
    return rows_in(output)


def rows_in(output: Path) -> list[dict[str, str]]:
    with output.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def command(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The client as a process of its own, which leaves its files beside the folder."""
    return subprocess.run(
        [sys.executable, "-m", "classifier.client", str(folder), "--model", "blood", *options],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(project.BASE_DIR), **environment},
        capture_output=True,
        text=True,
    )


def classify_interrupted(site: Site, folder: Path, *, site_stores_first: bool) -> None:
    """The process ends while it waits for the answer to its first parcel."""
    create_batch = Site.create_batch

    def interrupt(*args: Any) -> None:
        if site_stores_first:
            create_batch(*args)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Site, "create_batch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            classify(site, folder)


@contextmanager
def unreadable(name: str, error: int = errno.EACCES) -> Iterator[None]:
    read_bytes = Path.read_bytes

    def read(path: Path) -> bytes:
        if path.name == name:
            raise OSError(error, os.strerror(error))
        return read_bytes(path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "read_bytes", read)
        yield


@pytest.mark.usefixtures("trained_model")
def test_the_command_writes_a_table(live_server: LiveServer, token: str, folder: Path) -> None:
    (folder / "notes.txt").write_text("not sent")
    output = folder.parent / "night.csv"
    options = ("--url", live_server.url, "--output", str(output))
    answer = command(folder, *options, MEDCLASSIFIER_TOKEN=token)
    assert answer.returncode == 0, answer.stderr
    assert "5 classified, 0 failed, 2 not taken" in answer.stdout
    assert "6/6" in answer.stderr
    rows = {row["filename"]: row for row in rows_in(output)}
    left_out = {"broken.png", "notes.txt"}
    assert set(rows) == left_out | {f"cell{number}.png" for number in range(5)}
    assert {name for name, row in rows.items() if row["status"] == "REJECTED"} == left_out
    assert "not sent" in rows["notes.txt"]["error_message"]
    assert rows["cell3.png"]["predicted_label"] == "monocyte"
    assert rows["cell3.png"]["p(platelet)"] == "0.1"
    assert rows["cell3.png"]["in_distribution"] == "true"
    assert rows["cell3.png"]["prediction_set"] == "monocyte | platelet"
    assert {row["notice"] for row in rows.values()} == {"Research use only, not for diagnosis."}


def test_the_client_brings_neither_django_nor_tensorflow() -> None:
    code = "import sys, classifier.client.__main__; print(*sys.modules)"
    statement = [sys.executable, "-c", code]
    answer = subprocess.run(statement, cwd=project.BASE_DIR, capture_output=True, text=True)
    assert not {"django", "tensorflow", "keras", "numpy"} & set(answer.stdout.split())


@pytest.mark.usefixtures("trained_model")
def test_two_runs_at_once_send_nothing_twice(
    live_server: LiveServer, token: str, folder: Path
) -> None:
    options = ("--url", live_server.url)
    with held_alone(folder.parent / "results.csv"):
        answer = command(folder, *options, MEDCLASSIFIER_TOKEN=token)
    assert answer.returncode == 1
    assert "Another run writes results.csv at the moment" in answer.stderr
    assert not Batch.objects.exists()
    assert command(folder, *options, MEDCLASSIFIER_TOKEN=token).returncode == 0
    assert Batch.objects.count() == 1


def test_a_table_opens_in_excel_as_what_it_is(site: Site, folder: Path) -> None:
    classify(site, folder)
    assert (folder.parent / "results.csv").read_bytes().startswith("\ufefffilename,".encode())


@pytest.mark.usefixtures("trained_model")
def test_every_cell_of_a_field_and_platelets_with_them(
    live_server: LiveServer, token: str, tmp_path: Path
) -> None:
    (tmp_path / "fields").mkdir()
    red_cells = [(x, y) for x in range(40, 760, 90) for y in (40, 250, 300, 540)]
    field = smear((760, 580), [(180, 150, 90), (500, 420, 90)], red_cells=red_cells)
    Image.fromarray(field).save(tmp_path / "fields" / "field.png")
    options = ("--url", live_server.url, "--crop", "cells", "--platelets")
    answer = command(tmp_path / "fields", *options, MEDCLASSIFIER_TOKEN=token)
    assert answer.returncode == 0, answer.stderr
    assert Batch.objects.get().platelets
    wrong = command(tmp_path / "fields", "--platelets", MEDCLASSIFIER_TOKEN=token)
    assert wrong.returncode == 2
    assert "--platelets goes with --crop cells" in wrong.stderr


def test_folders_below_are_classified_with_their_names(site: Site, folder: Path) -> None:
    for number, patient in enumerate(["patient1", "patient2"]):
        (folder / patient / "left").mkdir(parents=True)
        (folder / patient / "left" / "001.png").write_bytes(png(40 + number, 40))
        (folder / patient / "labels.csv").write_text("1")
        (folder / patient / "desktop.ini").write_text("by Windows")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._001.png").write_bytes(b"by macOS")
    (folder / "round").symlink_to(folder)
    rows = {row["filename"]: row["status"] for row in classify(site, folder)}
    assert len(rows) == 6 + 4
    assert rows["patient1/left/001.png"] == rows["patient2/left/001.png"] == "SUCCESS"
    assert rows["patient1/labels.csv"] == rows["patient2/labels.csv"] == "REJECTED"
    stored = ImageUpload.objects.filter(width__gte=40)
    assert sorted(image.original_filename for image in stored) == [
        "patient1/left/001.png",
        "patient2/left/001.png",
    ]


def test_a_dicom_file_needs_no_suffix(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "IM0001").write_bytes(bytes(128) + b"DICM no more than that")
    (folder / "README").write_text("not sent")
    rows = {row["filename"]: row["error_message"] for row in classify(site, folder)}
    assert "DICOM" in rows["IM0001"]
    assert "not sent" in rows["README"]


@pytest.mark.usefixtures("small_parcels")
def test_a_second_run_sends_only_what_is_new(site: Site, folder: Path) -> None:
    assert len(classify(site, folder)) == 6
    (folder / "new.png").write_bytes(png(50, 50))
    rows = classify(site, folder)
    assert len(rows) == 7
    assert ImageUpload.objects.count() == 6


@pytest.mark.usefixtures("small_parcels")
def test_an_interruption_sends_nothing_twice(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site has stored the second parcel, but the process ends before it is told."""
    create_batch, calls = Site.create_batch, iter(range(9))

    def interrupt(*args: Any) -> Any:
        answer = create_batch(*args)
        if next(calls) == 1:
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Site, "create_batch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            classify(site, folder)
    assert Batch.objects.count() == 2
    assert len(classify(site, folder)) == 6
    assert (Batch.objects.count(), ImageUpload.objects.count()) == (3, 5)


def test_a_lost_answer_is_asked_for_again(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, no_pauses: list[float]
) -> None:
    post, calls = requests.Session.post, iter(range(9))

    def lossy(*args: Any, **kwargs: Any) -> requests.Response:
        answer = post(*args, **kwargs)
        if next(calls) == 0:
            raise requests.ConnectionError("cut off")
        return answer

    monkeypatch.setattr(requests.Session, "post", lossy)
    assert len(classify(site, folder)) == 6
    assert (Batch.objects.count(), no_pauses) == (1, [1])


@pytest.mark.usefixtures("small_parcels")
def test_a_limit_is_waited_for(
    site: Site,
    folder: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        settings.API_REQUESTS_PER_MINUTE = 100

    monkeypatch.setattr(sites.time, "sleep", pause)
    assert len(classify(site, folder)) == 6
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 60
    said = r"Waiting until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: Request was throttled\."
    assert len(re.findall(said, capsys.readouterr().err)) == 1


@pytest.mark.usefixtures("small_parcels")
def test_what_fits_no_limit_is_said_and_nothing_is_sent_twice(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site takes the first parcel, and never takes the second."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        if Batch.objects.exists():
            raise ParseError("This alone is more than your limit of a day.")

    with monkeypatch.context() as patched:
        patched.setattr(quotas, "check_submission", refuse)
        for _ in range(2):
            with pytest.raises(ClientError, match="more than your limit"):
                classify(site, folder)
    assert Batch.objects.count() == 1
    assert len(classify(site, folder)) == 6
    assert (Batch.objects.count(), ImageUpload.objects.count()) == (3, 5)


def test_a_folder_of_bad_files_is_no_dead_end(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"text")
    [row] = classify(site, folder)
    assert row["status"] == "REJECTED"


def test_what_the_person_has_to_change_is_said(site: Site, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="no model “unknown”"):
        classify(site, folder, models=["unknown"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClientError, match="no image"):
        classify(site, tmp_path / "empty")
    assert len(classify(site, folder)) == 6
    with pytest.raises(ClientError, match="another run"):
        classify(site, folder, crop="none")
    site.session.headers["Authorization"] = "Token wrong"
    with pytest.raises(ClientError, match="token is not valid"):
        site.get(f"{site.api}me/")


def test_a_file_that_changed_meanwhile_is_not_guessed_about(site: Site, folder: Path) -> None:
    classify_interrupted(site, folder, site_stores_first=False)
    (folder / "cell1.png").write_bytes(png(99, 99))
    with pytest.raises(ClientError, match=r"cell1\.png changed"):
        classify(site, folder)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ENOENT])
def test_a_file_that_cannot_be_read_has_a_row(site: Site, folder: Path, error: int) -> None:
    with unreadable("cell2.png", error):
        rows = {row["filename"]: row for row in classify(site, folder)}
    assert len(rows) == 6
    assert rows["cell2.png"]["status"] == "REJECTED"
    assert (
        rows["cell2.png"]["error_message"] == f"This file could not be read: {os.strerror(error)}."
    )
    assert rows["cell3.png"]["status"] == "SUCCESS"
    assert len(classify(site, folder)) == 6
    assert ImageUpload.objects.count() == 5


def test_a_folder_without_a_readable_file_leaves_a_table_and_no_journal(
    site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "cell.png").write_bytes(png())
    with unreadable("cell.png"):
        [row] = classify(site, folder)
    assert row["error_message"] == "This file could not be read: Permission denied."
    assert not (tmp_path / "results.csv.journal").exists()


def test_files_that_may_be_stored_are_not_sent_under_another_key(site: Site, folder: Path) -> None:
    """The first run's files are at the site, and one cannot be read when they are sent again."""
    classify_interrupted(site, folder, site_stores_first=True)
    journal = folder.parent / "results.csv.journal"
    kept = journal.read_text()
    with unreadable("cell2.png"), pytest.raises(ClientError, match="were sent before") as raised:
        classify(site, folder)
    assert "6 files from broken.png to cell4.png" in str(raised.value)
    assert journal.read_text() == kept
    assert len(classify(site, folder)) == 6
    assert (Batch.objects.count(), ImageUpload.objects.count()) == (1, 5)


def test_a_refusal_after_a_lost_answer_forgets_nothing(
    site: Site, folder: Path, trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt is stored; the model is gone when the second one arrives."""
    post = requests.Session.post

    def lossy(*args: Any, **kwargs: Any) -> requests.Response:
        answer = post(*args, **kwargs)
        if answer.ok:
            TrainedModel.objects.update(is_active=False)
            raise requests.ConnectionError("cut off")
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(requests.Session, "post", lossy)
        for _ in range(2):
            with pytest.raises(ClientError, match="no model “blood”"):
                classify(site, folder)
    TrainedModel.objects.update(is_active=True)
    assert len(classify(site, folder)) == 6
    assert Batch.objects.count() == 1


def test_formulas_in_names_are_inert(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, start in enumerate("=+-@\t\r"):
        (folder / f"{start}1.png").write_bytes(png(30 + number, 30))
        (folder / f"{start}bad.png").write_bytes(b"text")
    rows = classify(site, folder)
    expected = {f"'{start}{rest}.png" for start in "=+-@\t\r" for rest in ("1", "bad")}
    assert {row["filename"] for row in rows} == expected
    assert {row["filename"] for row in rows if row["status"] == "REJECTED"} == {
        name for name in expected if name.endswith("bad.png")
    }


@pytest.mark.usefixtures("trained_model")
@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_names_are_sent_and_written_in_any_locale(
    live_server: LiveServer, token: str, tmp_path: Path, locale: dict[str, str]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate(["ü.png".encode(), b"\xff.png", b"\xfe.png"]):
        (folder / os.fsdecode(name)).write_bytes(png(30 + number, 30))
    answer = command(folder, "--url", live_server.url, MEDCLASSIFIER_TOKEN=token, **locale)
    assert answer.returncode == 0, answer.stderr
    rows = rows_in(tmp_path / "results.csv")
    assert {row["filename"] for row in rows} == {"ü.png", "\\xff.png", "\\xfe.png"}
    assert {row["status"] for row in rows} == {"SUCCESS"}
    shown = ImageUpload.objects.values_list("original_filename", flat=True)
    assert sorted(shown) == ["ü.png", "\ufffd.png", "\ufffd.png"]


NAMES = (
    'quote".png', "line\nbreak.png", "R&amp;D.png", "slash&#47;.png", "back\\slash.png",
    " space.png", "plain.png",
)  # fmt: skip


@pytest.fixture
def strangely_named(tmp_path: Path) -> Path:
    """Good files and bad ones by turns; the first two hold the same image."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate(sorted(NAMES)):
        (folder / name).write_bytes(png(30 + max(1, number), 30))
        (folder / f"bad {name}").write_bytes(b"text")
    return folder


def test_rows_have_the_names_that_the_files_have_here(site: Site, strangely_named: Path) -> None:
    TrainedModelFactory.create(slug="derma")
    rows = classify(site, strangely_named, models=["blood", "derma"])
    found = {(row["filename"], row["model"]): row["sha256"] for row in rows}
    assert len(found) == len(rows)
    for name in NAMES:
        digest = hashlib.sha256((strangely_named / name).read_bytes()).hexdigest()
        assert {found[name, "blood"], found[name, "derma"]} == {digest}
        assert (f"bad {name}", "") in found


def test_what_was_deleted_at_the_site_gives_no_other_file_its_row(
    site: Site, strangely_named: Path
) -> None:
    classify(site, strangely_named)
    ImageUpload.objects.get(original_filename="plain.png").delete()
    rows = classify(site, strangely_named)
    names = [row["filename"] for row in rows if row["status"] == "SUCCESS"]
    assert set(names) == set(NAMES) - {"plain.png"}
    refused = [row["filename"] for row in rows if row["status"] == "REJECTED"]
    assert len(refused) == len(NAMES)
    assert not set(refused) & set(NAMES)


@pytest.mark.parametrize("content", ['{"parcels":{}}', "[]", "{", '{"run": {}, "parcels": [1]}'])
def test_a_damaged_journal_is_named(site: Site, folder: Path, content: str) -> None:
    (folder.parent / "results.csv.journal").write_text(content)
    with pytest.raises(ClientError, match="Remove it to start anew"):
        classify(site, folder)


@pytest.mark.usefixtures("trained_model")
def test_a_slash_after_the_address_makes_no_other_run(
    live_server: LiveServer, token: str, folder: Path
) -> None:
    for url in (live_server.url, f"{live_server.url}/"):
        answer = command(folder, "--url", url, MEDCLASSIFIER_TOKEN=token)
        assert answer.returncode == 0, answer.stderr
    journal = json.loads((folder.parent / "results.csv.journal").read_text())
    assert journal["run"]["url"] == live_server.url
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    "url",
    ["foo", "127.0.0.1:8000", "ftp://site", "http://", "http://x:y", f"http://{70 * 'a'}.org"],
)
def test_what_is_no_address_is_said_at_once(folder: Path, url: str) -> None:
    answer = command(folder, "--url", url, "--token", "x")
    assert answer.returncode == 2
    assert "--url" in answer.stderr.splitlines()[-1]
    assert url in answer.stderr.splitlines()[-1]


@pytest.mark.parametrize("output", [".", "missing/results.csv", 250 * "a"])
def test_an_output_that_cannot_be_written_is_said_before_anything_is_sent(
    live_server: LiveServer, token: str, folder: Path, output: str
) -> None:
    options = ("--url", live_server.url, "--output", output)
    answer = command(folder, *options, MEDCLASSIFIER_TOKEN=token)
    assert answer.returncode == 2
    assert output in answer.stderr.splitlines()[-1]
    assert not Batch.objects.exists()


@pytest.mark.parametrize("token", ["tökén", "two\nlines", "end\n", "two words"])
def test_what_cannot_be_a_token_is_said(live_server: LiveServer, folder: Path, token: str) -> None:
    answer = command(folder, "--url", live_server.url, MEDCLASSIFIER_TOKEN=token)
    wrong = command(folder, "--url", live_server.url, MEDCLASSIFIER_TOKEN="wrong")
    assert "cannot be a token" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.returncode == wrong.returncode == 1


def test_a_site_that_is_down_is_named(folder: Path, no_pauses: list[float]) -> None:
    with pytest.raises(ClientError, match="cannot be reached"):
        classify(Site("http://127.0.0.1:9", "x"), folder)
    assert no_pauses == list(sites.PAUSES_SECONDS)
    assert not (folder.parent / "results.csv.journal").exists()
