"""Batches: many images in one request, from the POST to the results."""

import codecs
import csv
import io
import json
import zipfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from classifier.models import Batch, ImageUpload, Prediction, Status, TrainedModel
from tests.factories import BatchFactory, PredictionFactory, TrainedModelFactory, png

pytestmark = pytest.mark.django_db

BATCHES = "/api/v1/batches/"


def image(name: str = "cell.png", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png() if content is None else content, "image/png")


def archive(files: dict[str, bytes]) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return SimpleUploadedFile("scans.zip", buffer.getvalue(), "application/zip")


def send(api: APIClient, **fields: Any) -> Any:
    return api.post(BATCHES, {"model": "blood", **fields})


def batch_of(user: User, *states: str, model: TrainedModel | None = None) -> Batch:
    batch = BatchFactory.create(owner=user)
    model = model or TrainedModelFactory.create()
    for state in states:
        PredictionFactory.create(
            image__owner=user, batch=batch, trained_model=model, **({state: True} if state else {})
        )
    return batch


def test_good_images_run_and_bad_ones_are_named(
    api: APIClient, user: User, trained_model: TrainedModel
) -> None:
    images = [image("a.png"), image("b.txt", b"text"), image("c.png"), image("d.png", b"")]
    answer = send(api, images=images)
    assert answer.status_code == 202
    body = answer.json()
    assert answer["Location"] == body["url"]
    assert answer["Retry-After"]
    assert body["total"] == 2
    assert body["counts"] == {"PENDING": 2, "STARTED": 0, "SUCCESS": 0, "FAILURE": 0}
    assert [rejected["filename"] for rejected in body["rejected"]] == ["b.txt", "d.png"]
    assert "not an image" in body["rejected"][0]["reason"]
    assert "not for diagnosis" in body["notice"]
    assert api.get(body["url"]).json() == body
    stored = ImageUpload.objects.filter(owner=user).order_by("predictions__created_at")
    assert [upload.original_filename for upload in stored] == ["a.png", "c.png"]


def test_an_archive_is_as_good_as_its_images(api: APIClient, trained_model: TrainedModel) -> None:
    inner = archive({"a.png": png()}).read()
    files = {"monday/a.png": png(), "b.png": png(40, 30), "__MACOSX/a.png": b"", "c.zip": inner}
    body = send(api, archive=archive(files)).json()
    assert body["total"] == 2
    assert [rejected["filename"] for rejected in body["rejected"]] == ["c.zip"]
    assert set(ImageUpload.objects.values_list("original_filename", flat=True)) == {
        "monday/a.png",
        "b.png",
    }


def test_each_model_gives_each_image_a_prediction_and_is_rung_once_per_forward_pass(
    api: APIClient,
    trained_model: TrainedModel,
    rung: list[str],
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.PREDICTION_BATCH_SIZE = 2
    TrainedModelFactory.create(slug="breast", dataset="breastmnist")
    with django_capture_on_commit_callbacks(execute=True):
        body = send(api, images=[image() for _ in range(5)], model=["blood", "breast"]).json()
    assert body["total"] == 10
    assert ImageUpload.objects.count() == 5
    assert rung == ["blood"] * 3 + ["breast"] * 3


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "images"),
        ({"images": [image()], "archive": archive({"a.png": png()})}, "images"),
        ({"images": ["text"]}, "images"),
        ({"archive": image()}, "archive"),
        ({"archive": archive({})}, "archive"),
        ({"images": [image()], "model": "unknown"}, "model"),
        ({"images": [image()], "crop": "round"}, "crop"),
    ],
)
def test_what_makes_no_batch_is_refused(
    api: APIClient, trained_model: TrainedModel, fields: dict[str, Any], field: str
) -> None:
    answer = send(api, **fields)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert all(isinstance(sentence, str) for sentence in answer.json()["errors"][field])
    assert not Batch.objects.exists()


def test_a_batch_of_bad_files_alone_is_refused(
    api: APIClient, trained_model: TrainedModel, settings: Settings
) -> None:
    answer = send(api, images=[image("a.txt", b"text")])
    assert answer.status_code == 400
    assert answer.json()["rejected"][0]["filename"] == "a.txt"
    assert not Batch.objects.exists()


@pytest.mark.parametrize("count", [4, 9])
def test_too_many_images_are_refused(
    api: APIClient, trained_model: TrainedModel, settings: Settings, count: int
) -> None:
    settings.MAX_BATCH_IMAGES, settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3, 4
    answer = send(api, images=[image() for _ in range(count)])
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_too_large_a_body_is_refused_unread(
    api: APIClient, trained_model: TrainedModel, settings: Settings
) -> None:
    settings.MAX_BATCH_BYTES = 1_000
    assert send(api, images=[image(content=bytes(2_000))]).status_code == 413


def test_a_failure_halfway_leaves_neither_rows_nor_files(
    api: APIClient,
    trained_model: TrainedModel,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(Prediction.objects, "bulk_create", fail)
    with pytest.raises(RuntimeError):
        send(api, images=[image(), image()])
    assert not Batch.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_progress_tells_the_time_left(api: APIClient, user: User) -> None:
    batch = batch_of(user, "succeeded", "", "started")
    body = api.get(f"{BATCHES}{batch.pk}/").json()
    assert body["seconds_left"] >= 0
    assert body["finished_at"] is None
    # So long ago that it does not matter how slow the machine is.
    started = timezone.now() - timedelta(seconds=1_000)
    Prediction.objects.filter(status=Status.SUCCESS).update(started_at=started)
    assert api.get(f"{BATCHES}{batch.pk}/").json()["seconds_left"] == pytest.approx(2_000, rel=0.01)


def test_nothing_is_left_of_a_finished_batch(api: APIClient, user: User) -> None:
    body = api.get(f"{BATCHES}{batch_of(user, 'succeeded', 'failed').pk}/").json()
    assert body["seconds_left"] == 0
    assert body["finished_at"]
    waiting = api.get(f"{BATCHES}{batch_of(user, '').pk}/").json()
    assert waiting["seconds_left"] is None


def test_cancelling_ends_what_waits_and_nothing_else(api: APIClient, user: User) -> None:
    batch = batch_of(user, "", "", "started", "succeeded")
    body = api.post(f"{BATCHES}{batch.pk}/cancel/").json()
    assert body["counts"] == {"PENDING": 0, "STARTED": 1, "SUCCESS": 1, "FAILURE": 2}
    messages = set(batch.predictions.filter(status="FAILURE").values_list("error_message"))
    assert messages == {("Cancelled before it ran.",)}
    again = api.post(f"{BATCHES}{batch.pk}/cancel/")
    assert (again.status_code, again.json()["counts"]) == (200, body["counts"])


def test_results_come_as_a_table(api: APIClient, user: User, trained_model: TrainedModel) -> None:
    batch = batch_of(user, "succeeded", "failed", "", model=trained_model)
    answer = api.get(f"{BATCHES}{batch.pk}/results.csv")
    assert answer["Content-Type"] == "text/csv"
    content = b"".join(answer.streaming_content)
    assert content.startswith(codecs.BOM_UTF8), "or Excel takes it for another encoding"
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["status"] for row in rows] == ["SUCCESS", "FAILURE", "PENDING"]
    assert rows[0]["predicted_label"] == "neutrophil"
    assert float(rows[0]["p(neutrophil)"]) == float(rows[0]["confidence"]) == 0.93
    assert rows[1]["error_message"]
    assert {row["notice"] for row in rows} == {"Research use only, not for diagnosis."}


def test_no_text_is_a_formula(api: APIClient, user: User) -> None:
    batch = batch_of(user, "succeeded", "failed")
    batch.rejected = [{"filename": "@x.png", "reason": "+1 is no reason."}]
    batch.save()
    ImageUpload.objects.update(original_filename="=1+1.png")
    Prediction.objects.filter(status=Status.FAILURE).update(error_message="-2+3")
    Prediction.objects.filter(status=Status.SUCCESS).update(predicted_label="＝A1")
    content = b"".join(api.get(f"{BATCHES}{batch.pk}/results.csv").streaming_content)
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["filename"] for row in rows] == ["'=1+1.png", "'=1+1.png", "'@x.png"]
    assert rows[0]["predicted_label"] == "'＝A1"
    assert [row["error_message"] for row in rows] == ["", "'-2+3", "'+1 is no reason."]
    assert float(rows[0]["confidence"]) == 0.93


def test_files_that_were_not_taken_have_rows(api: APIClient, trained_model: TrainedModel) -> None:
    files = {"patient1/001.png": png(), "patient2/001.png": png(40, 30), "notes.txt": b"text"}
    url = send(api, archive=archive(files)).json()["url"]
    content = b"".join(api.get(f"{url}results.csv").streaming_content)
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["filename"] for row in rows] == [
        "patient1/001.png", "patient2/001.png", "notes.txt",
    ]  # fmt: skip
    assert rows[2]["status"] == "REJECTED"
    assert "not an image" in rows[2]["error_message"]
    assert rows[2]["notice"] == rows[0]["notice"]


def test_of_a_thousand_files_the_one_image_is_taken(
    api: APIClient, trained_model: TrainedModel
) -> None:
    notes = [image(f"notes/{number}.txt", b"Stained on Monday.") for number in range(999)]
    answer = send(api, images=[*notes[:500], image("cell.png"), *notes[500:]])
    assert answer.status_code == 202
    assert answer.json()["total"] == 1
    assert len(answer.json()["rejected"]) == 999
    table = api.get(f"{answer.json()['url']}results.csv").getvalue().decode("utf-8-sig")
    statuses = Counter(row["status"] for row in csv.DictReader(io.StringIO(table)))
    assert statuses == {"PENDING": 1, "REJECTED": 999}


def test_a_batch_stops_where_the_room_of_a_person_ends(
    api: APIClient, trained_model: TrainedModel, settings: Settings
) -> None:
    settings.MAX_STORED_BYTES_PER_PERSON = 300
    answer = send(api, images=[image(f"{number}.png") for number in range(50)])
    assert answer.status_code == 507
    assert "Delete some" in answer.json()["detail"]
    assert not Batch.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_images_sent_one_by_one_keep_their_folders(
    api: APIClient, trained_model: TrainedModel
) -> None:
    """As browsers send the files of a folder."""
    body = (
        b'--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nblood\r\n'
        b'--X\r\nContent-Disposition: form-data; name="images"; filename="a/../b/1.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + png() + b"\r\n--X--\r\n"
    )
    answer = api.generic("POST", BATCHES, body, content_type="multipart/form-data; boundary=X")
    assert answer.status_code == 202
    assert ImageUpload.objects.get().original_filename == "a/b/1.png"


def test_results_come_as_json(api: APIClient, user: User) -> None:
    batch = batch_of(user, "succeeded", "failed")
    answer = api.get(f"{BATCHES}{batch.pk}/results.json")
    body = json.loads(b"".join(answer.streaming_content))
    summary = api.get(f"{BATCHES}{batch.pk}/").json()
    results = body.pop("results")
    assert body == summary
    assert results == [api.get(result["url"]).json() for result in results]
    assert [result["batch"] for result in results] == [str(batch.pk)] * 2


def test_results_ask_as_much_for_many_images_as_for_few(
    api: APIClient, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    batch = batch_of(user, *["succeeded"] * 12)
    api.get(BATCHES)
    for kind in ("csv", "json"):
        with django_assert_max_num_queries(8):
            b"".join(api.get(f"{BATCHES}{batch.pk}/results.{kind}").streaming_content)


def test_results_carry_the_doubts_of_the_model(api: APIClient, user: User) -> None:
    batch = batch_of(user, "out_of_distribution", "doubtful", "", "unusual")
    answer = api.get(f"{BATCHES}{batch.pk}/results.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["in_distribution"] for row in rows] == ["false", "true", "", "true"]
    assert [row["limits"] for row in rows] == ["unlike", "accepted", "", "unusual"]
    assert [row["prediction_set"] for row in rows] == [
        "neutrophil",
        "neutrophil | immature granulocytes",
        "",
        "neutrophil",
    ]
    body = json.loads(b"".join(api.get(f"{BATCHES}{batch.pk}/results.json").streaming_content))
    assert [row["in_distribution"] for row in body["results"]] == [False, True, None, True]
    assert [row["limits"] for row in body["results"]] == ["unlike", "accepted", "", "unusual"]


def test_nothing_is_waited_for_once_all_was_deleted(api: APIClient, user: User) -> None:
    batch = batch_of(user, "succeeded")
    Prediction.objects.all().delete()
    assert api.get(f"{BATCHES}{batch.pk}/").json()["finished_at"]


def test_what_lies_in_the_trash_is_no_result_of_its_batch(api: APIClient, user: User) -> None:
    batch = batch_of(user, "succeeded", "succeeded")
    api.delete(f"/api/v1/predictions/{batch.predictions.all()[0].pk}/")
    address = f"{BATCHES}{batch.pk}/"
    assert api.get(address).json()["total"] == 1
    body = json.loads(b"".join(api.get(f"{address}results.json").streaming_content))
    assert len(body["results"]) == 1
