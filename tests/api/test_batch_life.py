"""Batches sent piece by piece, as over a network that breaks, and what happens to them then."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from classifier.models import Batch, BatchFile, ImageUpload, Prediction, SignOff, TrainedModel
from tests.api.conftest import client_of
from tests.factories import BatchFactory, ImageUploadFactory, PredictionFactory, png

pytestmark = pytest.mark.django_db

BATCHES = "/api/v1/batches/"


def image(name: str = "cell.png", colour: str = "plum") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png(colour=colour), "image/png")


@pytest.fixture
def opened(api: APIClient, trained_model: TrainedModel) -> str:
    """The address of an open batch."""
    answer = api.post(BATCHES, {"model": "blood", "open": "true", "name": "Monday"})
    assert answer.status_code == 202
    assert answer["Location"] == answer.json()["url"]
    return str(answer.json()["url"])


def send(api: APIClient, opened: str, **fields: Any) -> Any:
    return api.post(f"{opened}images/", fields)


def test_an_open_batch_is_empty_and_has_a_name(api: APIClient, opened: str) -> None:
    body = api.get(opened).json()
    assert (body["name"], body["is_open"], body["closed_at"], body["total"]) == (
        "Monday",
        True,
        None,
        0,
    )
    assert body["models"] == ["blood"]


def test_results_begin_with_the_first_file(
    api: APIClient,
    opened: str,
    rung: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        body = send(api, opened, images=[image()]).json()
    assert (body["total"], body["counts"]["PENDING"]) == (1, 1)
    assert rung == ["blood"]


def test_a_piece_sent_again_does_nothing(
    api: APIClient, opened: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send(api, opened, images=[image("a.png"), image("b.txt")], paths=["x/a.png", "x/b"])
    again = send(api, opened, images=[image("a.png"), image("b.txt")], paths=["x/a.png", "x/b"])
    assert [file["is_repeated"] for file in first.json()["files"]] == [False, False]
    assert [file["is_repeated"] for file in again.json()["files"]] == [True, True]
    assert [file["image"] for file in first.json()["files"]] == [
        file["image"] for file in again.json()["files"]
    ]
    assert again.json()["total"] == 2
    stored = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(stored) == ImageUpload.objects.count() == 2


def test_the_same_name_in_two_folders_is_two_files(api: APIClient, opened: str) -> None:
    paths = ["patient1/001.png", "patient2/001.png"]
    body = send(api, opened, images=[image("001.png"), image("001.png")], paths=paths).json()
    assert body["total"] == 2
    assert [file["path"] for file in body["files"]] == paths
    rows = api.get("/api/v1/predictions/", {"q": "patient2"}).json()["results"]
    assert [row["image"]["path"] for row in rows] == ["patient2/001.png"]
    assert [row["image"]["filename"] for row in rows] == ["001.png"]


def test_keys_of_the_sender_name_files(api: APIClient, opened: str) -> None:
    send(api, opened, images=[image()], keys=["first"])
    body = send(api, opened, images=[image("other.png", "white")], keys=["first"]).json()
    assert (body["total"], body["files"][0]["is_repeated"]) == (1, True)


def test_refused_files_are_named_once_with_their_reason(api: APIClient, opened: str) -> None:
    text = SimpleUploadedFile("notes.txt", b"text")
    for _ in range(2):
        text.seek(0)
        body = send(api, opened, images=[image(), text]).json()
        assert [each["filename"] for each in body["rejected"]] == ["notes.txt"]
        assert body["files"][1]["image"] is None
        assert "not an image" in body["files"][1]["reason"]
    assert body["total"] == 1


def test_of_a_thousand_files_the_one_good_one_runs(
    api: APIClient, opened: str, settings: Settings
) -> None:
    settings.MAX_BATCH_IMAGES = 40
    bad = [SimpleUploadedFile(f"{number}.txt", b"%d" % number) for number in range(39)]
    for start in range(0, 39, 13):
        assert send(api, opened, images=bad[start : start + 13]).status_code == 200
    body = send(api, opened, images=[image()]).json()
    assert (body["total"], len(body["rejected"])) == (1, 39)
    full = send(api, opened, images=[image("more.png", "white")])
    assert full.status_code == 409
    assert "takes 40 files" in full.json()["detail"]


def test_an_archive_is_a_piece_too(api: APIClient, opened: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("a.png", png())
        target.writestr("b.png", png(colour="white"))
    for is_repeated in (False, True):
        archive = SimpleUploadedFile("scans.zip", buffer.getvalue(), "application/zip")
        body = send(api, opened, archive=archive).json()
        assert [file["is_repeated"] for file in body["files"]] == [is_repeated] * 2
        assert body["total"] == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "images"),
        ({"images": [image()], "paths": ["a", "b"]}, "paths"),
        ({"images": [image()], "keys": ["a", "b"]}, "keys"),
        ({"images": [image()], "keys": ["white space"]}, "keys"),
    ],
)
def test_what_makes_no_piece_is_refused(
    api: APIClient, opened: str, fields: dict[str, Any], field: str
) -> None:
    answer = send(api, opened, **fields)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not BatchFile.objects.exists()


def test_images_do_not_come_with_the_opening(api: APIClient, trained_model: TrainedModel) -> None:
    answer = api.post(BATCHES, {"model": "blood", "open": "true", "images": [image()]})
    assert list(answer.json()["errors"]) == ["open"]
    assert not Batch.objects.exists()


def test_a_closed_batch_takes_no_more(api: APIClient, opened: str, settings: Settings) -> None:
    send(api, opened, images=[image()])
    for _ in range(2):
        body = api.post(f"{opened}close/").json()
        assert (body["is_open"], body["total"]) == (False, 1)
    answer = send(api, opened, images=[image("b.png", "white")])
    assert answer.status_code == 409
    assert "closed" in answer.json()["detail"]
    stored = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(stored) == 1


def test_opening_is_safe_to_repeat(api: APIClient, trained_model: TrainedModel) -> None:
    fields = {"model": "blood", "open": "true", "name": "Monday"}
    made = [
        api.post(BATCHES, fields, headers={"Idempotency-Key": "one"}).json()["id"] for _ in range(2)
    ]
    assert made[0] == made[1]
    other = api.post(BATCHES, fields | {"name": "Other"}, headers={"Idempotency-Key": "one"})
    assert other.status_code == 409


def test_identical_files_are_recognised(
    api: APIClient, opened: str, user: User, other_user: User, trained_model: TrainedModel
) -> None:
    [sent] = send(api, opened, images=[image()]).json()["files"]
    assert sent["identical"] == []
    sha256 = ImageUpload.objects.get().sha256
    known = {"sha256": sha256, "original_filename": "before.png"}
    same = PredictionFactory.create(
        image=ImageUploadFactory.create(owner=user, **known),
        trained_model=trained_model,
        succeeded=True,
    )
    for differs in ({"model_version": 9}, {"crop": "none"}, {"deleted_at": same.created_at}):
        PredictionFactory.create(
            image=ImageUploadFactory.create(owner=user, **known),
            trained_model=trained_model,
            **{"succeeded": True, **differs},
        )
    PredictionFactory.create(
        image=ImageUploadFactory.create(owner=other_user, **known),
        trained_model=trained_model,
        succeeded=True,
    )
    [again] = send(api, opened, images=[image("again.png")], paths=["again.png"]).json()["files"]
    assert again["identical"] == [str(same.pk)]
    single = api.post("/api/v1/predictions/", {"model": "blood", "image": image()}).json()
    assert [each["id"] for each in single["identical"]] == [str(same.pk)]


def test_a_piece_asks_as_much_for_many_images_as_for_few(
    api: APIClient, opened: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, 12):
        with django_assert_max_num_queries(40):
            send(api, opened, images=[image(f"{count}-{n}.png") for n in range(count)])


def test_a_batch_is_renamed_and_moved(api: APIClient, user: User) -> None:
    project = api.post("/api/v1/projects/", {"name": "Ward"}, format="json").json()["id"]
    batch = BatchFactory.create(owner=user)
    inside = PredictionFactory.create(image__owner=user, batch=batch, succeeded=True)
    for moved_to in (project, None):
        change = {"name": "Monday", "project": moved_to}
        body = api.patch(f"{BATCHES}{batch.pk}/", change, format="json").json()
        assert (body["name"], body["project"]) == ("Monday", moved_to)
        assert api.get(f"/api/v1/predictions/{inside.pk}/").json()["project"] == moved_to
    nowhere = {"project": "0b8fa3a2-6a4d-4ab4-a7f8-8f5a2f9b4c11"}
    assert api.patch(f"{BATCHES}{batch.pk}/", nowhere, format="json").status_code == 404


@pytest.fixture
def finished(user: User, trained_model: TrainedModel) -> Batch:
    batch = BatchFactory.create(owner=user)
    for state in ("succeeded", "doubtful", "out_of_distribution", "failed"):
        PredictionFactory.create(
            image__owner=user, batch=batch, trained_model=trained_model, **{state: True}
        )
    return batch


def review(api: APIClient, batch: Batch, *, label: str, **chosen: Any) -> Any:
    keys = [str(row.pk) for row in batch.predictions.filter(**chosen)]
    return api.post("/api/v1/reviews/", {"predictions": keys, "label": label}, format="json")


def test_a_batch_is_signed_once_nothing_flagged_is_undecided(
    api: APIClient, finished: Batch, user: User, staff: User
) -> None:
    address = f"{BATCHES}{finished.pk}/"
    refused = api.post(f"{address}sign/")
    assert refused.status_code == 409
    assert "2 images are undecided or unlike" in refused.json()["detail"]
    assert review(api, finished, label="monocyte", certainty="undecided").status_code == 200
    review(api, finished, label="none of these", certainty="unlike")
    body = api.post(f"{address}sign/").json()
    assert body["signed_by"] == user.username
    [step] = api.get(f"{address}sign-offs/").json()
    assert step["counts"] == {"neutrophil": 1, "monocyte": 1, "none of these": 1}
    locked = review(api, finished, label="platelet", status="SUCCESS")
    assert locked.status_code == 409
    assert "signed" in locked.json()["detail"]
    assert api.post(f"{address}sign/").status_code == 409
    assert api.delete(address).status_code == 409


def test_reopening_has_a_reason_and_is_kept(
    api: APIClient, finished: Batch, client_of_staff: APIClient
) -> None:
    address = f"{BATCHES}{finished.pk}/"
    for certainty in ("undecided", "unlike"):
        review(api, finished, label="cannot tell", certainty=certainty)
    api.post(f"{address}sign/")
    for empty in ({}, {"reason": " "}):
        answer = client_of_staff.post(f"{address}reopen/", empty, format="json")
        assert answer.status_code == 400
    reason = {"reason": "One was overlooked."}
    assert client_of_staff.post(f"{address}reopen/", reason, format="json").status_code == 200
    assert client_of_staff.post(f"{address}reopen/", reason, format="json").status_code == 409
    assert review(api, finished, label="platelet", status="SUCCESS").status_code == 200
    steps = list(SignOff.objects.values_list("action", "reason"))
    assert steps == [("signed", ""), ("reopened", "One was overlooked.")]


def test_what_is_open_or_unfinished_is_not_signed(
    api: APIClient, opened: str, trained_model: TrainedModel
) -> None:
    send(api, opened, images=[image()])
    assert "being added" in api.post(f"{opened}sign/").json()["detail"]
    api.post(f"{opened}close/")
    assert "still to come" in api.post(f"{opened}sign/").json()["detail"]


def test_groups_put_first_what_asks_for_a_look(api: APIClient, finished: Batch) -> None:
    body = api.get(f"{BATCHES}{finished.pk}/groups/").json()
    assert [(each["name"], each["count"], each["asks_for_a_look"]) for each in body["groups"]] == [
        ("undecided", 1, True),
        ("unlike the training data", 1, True),
        ("neutrophil", 1, False),
    ]
    assert (body["counted"], body["unfinished"], body["failed"]) == (
        {"number": 3, "is_more": False},
        0,
        1,
    )
    rows = api.get("/api/v1/predictions/", {"batch": str(finished.pk), "group": "undecided"})
    assert [row["certainty"] for row in rows.json()["results"]] == ["undecided"]


def test_changes_tell_what_arrived_was_reviewed_and_deleted(
    api: APIClient, finished: Batch
) -> None:
    address = f"{BATCHES}{finished.pk}/changes/"
    everything = api.get(address, {"since": "2020-01-01T00:00:00Z"}).json()
    assert len(everything["predictions"]) == 4
    later = "2100-01-01T00:00:00Z"
    assert api.get(address, {"since": later}).json() == {"predictions": [], "until": later}
    Prediction.objects.update(finished_at="2026-01-01T00:00:00Z")
    since = {"since": "2026-02-01T00:00:00Z"}
    assert api.get(address, since).json()["predictions"] == []
    review(api, finished, label="monocyte", certainty="undecided")
    gone = finished.predictions.filter(certainty="unlike").get()
    api.delete(f"/api/v1/predictions/{gone.pk}/")
    found = {row["certainty"]: row for row in api.get(address, since).json()["predictions"]}
    assert found["undecided"]["reviewed_label"] == "monocyte"
    assert found["unlike"]["deleted_at"]
    assert api.get(address).status_code == 400


def test_what_was_sent_so_far_is_listed(api: APIClient, opened: str) -> None:
    """So that an upload which broke off goes on with what is missing."""
    bad = SimpleUploadedFile("notes.txt", b"no image", "text/plain")
    send(api, opened, images=[image(), bad], paths=["smear/cell.png", "smear/notes.txt"])
    taken, refused = api.get(f"{opened}images/").json()
    content = hashlib.sha256(png()).hexdigest()
    assert taken["key"] == hashlib.sha256(f"smear/cell.png\0{content}".encode()).hexdigest()
    assert (taken["path"], taken["byte_size"], taken["reason"]) == (
        "smear/cell.png",
        len(png()),
        "",
    )
    assert (refused["path"], refused["image"]) == ("", None)
    assert "not an image" in refused["reason"]
    assert api.post(f"{opened}close/").status_code == 200
    assert len(api.get(f"{opened}images/").json()) == 2


def test_files_of_others_are_not_listed(opened: str, other_user: User) -> None:
    assert client_of(other_user).get(f"{opened}images/").status_code == 404
