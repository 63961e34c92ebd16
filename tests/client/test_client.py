"""The command-line client against a site that answers over a real socket."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as project
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from classifier import tasks
from classifier.client import journal as journals
from classifier.client import run as runs
from classifier.client import site as sites
from classifier.client.journal import Journal
from classifier.client.run import classify_folder
from classifier.client.site import ClientError, Site
from classifier.models import ApiToken, Batch, ImageUpload, Prediction, Status, TrainedModel
from tests.factories import TrainedModelFactory, png

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
    (folder / "notes.txt").write_text("not sent")
    (folder / ".hidden.png").write_bytes(png())
    return folder


@pytest.fixture
def small_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "PARCEL_FILES", 2)


def classify(site: Site, folder: Path, **run: Any) -> list[dict[str, str]]:
    output = folder.parent / "results.csv"
    journal = Journal.open(Path(f"{output}.journal"), {**RUN, **run})
    classify_folder(site, folder, journal, output)
    with output.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("trained_model")
def test_the_command_writes_a_table(live_server: LiveServer, token: str, folder: Path) -> None:
    output = folder.parent / "night.csv"
    command = [sys.executable, "-m", "classifier.client", str(folder), "--model", "blood"]
    answer = subprocess.run(
        [*command, "--url", live_server.url, "--output", str(output)],
        cwd=project.BASE_DIR,
        env={**os.environ, "MEDCLASSIFIER_TOKEN": token},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert "5 classified, 0 failed, 1 not taken" in answer.stdout
    assert "6/6" in answer.stderr
    rows = {row["filename"]: row for row in csv.DictReader(output.open(newline=""))}
    assert set(rows) == {"broken.png", *(f"cell{number}.png" for number in range(5))}
    assert rows["broken.png"]["status"] == "REJECTED"
    assert rows["cell3.png"]["predicted_label"] == "monocyte"
    assert rows["cell3.png"]["p(platelet)"] == "0.1"
    assert rows["cell3.png"]["in_distribution"] == "true"
    assert rows["cell3.png"]["prediction_set"] == "monocyte | platelet"
    assert {row["notice"] for row in rows.values()} == {"Research use only, not for diagnosis."}


def test_the_client_brings_neither_django_nor_tensorflow() -> None:
    code = "import sys, classifier.client.__main__; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=project.BASE_DIR, capture_output=True, text=True)
    assert not {"django", "tensorflow", "keras", "numpy"} & set(answer.stdout.split())


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

    def interrupted(*args: Any) -> Any:
        answer = create_batch(*args)
        if next(calls) == 1:
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Site, "create_batch", interrupted)
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
    site: Site, folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
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


def test_a_file_that_changed_meanwhile_is_not_guessed_about(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs, "send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            classify(site, folder)
    (folder / "cell1.png").write_bytes(png(99, 99))
    with pytest.raises(ClientError, match=r"cell1\.png changed"):
        classify(site, folder)


def test_a_site_that_is_down_is_named(folder: Path, no_pauses: list[float]) -> None:
    with pytest.raises(ClientError, match="cannot be reached"):
        classify(Site("http://127.0.0.1:9", "x"), folder)
    assert no_pauses == list(sites.PAUSES_SECONDS)
