"""A batch and the client through the whole application, on a real model."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.conf import settings

from classifier.synthetic import samples
from tests.processes.stack import ApiClient, Stack

MODEL = "breast-compact"
FILES = 70  # two full forward passes and a piece


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    drawn = [samples.draw(s.slug) for s in samples.samples() if s.dataset == "breastmnist"]
    for number in range(FILES):
        (folder / f"scan{number:03}.png").write_bytes(drawn[number % len(drawn)])
    (folder / "broken.png").write_bytes(b"text")
    return folder


def test_the_client_turns_a_folder_into_a_table(stack: Stack, folder: Path) -> None:
    output = folder.parent / "results.csv"
    token = str(ApiClient(stack.url).session.headers["Authorization"]).split()[1]
    command = [sys.executable, "-m", "classifier.client", str(folder), "--model", MODEL]
    answer = subprocess.run(
        [*command, "--url", stack.url, "--token", token, "--output", str(output)],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["SUCCESS"] * FILES + ["REJECTED"]
    assert {row["predicted_label"] for row in rows[:-1]} <= {"malignant", "normal, benign"}


def test_who_waits_gets_the_result_in_the_same_answer(stack: Stack, folder: Path) -> None:
    client = ApiClient(stack.url)
    answer = client.session.post(
        f"{stack.url}/api/v1/predictions/?wait=30",
        files={"image": (folder / "scan000.png").read_bytes()},
        data={"model": MODEL},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "SUCCESS")
    assert requests.get(answer.json()["image"]["url"], timeout=30).status_code == 401
    picture = client.session.get(answer.json()["image"]["url"], timeout=30)
    assert picture.headers["Content-Type"] == "image/png"
