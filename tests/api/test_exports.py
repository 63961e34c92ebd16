"""What a search finds, to take along."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from classifier.models import Prediction, TrainedModel
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db

EXPORT = "/api/v1/predictions/export."


def content(api: APIClient, kind: str, **asked: str) -> bytes:
    answer = api.get(f"{EXPORT}{kind}", asked)
    assert answer.status_code == 200
    assert f'filename="results.{kind}"' in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


def rows_of(table: bytes) -> list[dict[str, str]]:
    assert table.startswith(b"\xef\xbb\xbf"), "Excel takes it for another encoding"
    return list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))


@pytest.fixture(autouse=True)
def results(user: User, trained_model: TrainedModel) -> None:
    made: dict[str, Any] = {"image__owner": user, "trained_model": trained_model}
    PredictionFactory.create(
        succeeded=True,
        image__path="ward/=1+1.png",
        reviewed_label="monocyte",
        note="@home",
        reviewed_at=timezone.now(),
        **made,
    )
    PredictionFactory.create(doubtful=True, **made)
    PredictionFactory.create(failed=True, **made)
    PredictionFactory.create(succeeded=True, trained_model=trained_model)


def test_a_table_says_what_the_model_and_what_people_said(api: APIClient) -> None:
    rows = rows_of(content(api, "csv"))
    assert [row["status"] for row in rows] == ["FAILURE", "SUCCESS", "SUCCESS"]
    corrected = rows[2]
    assert (corrected["predicted_label"], corrected["reviewed_label"]) == (
        "neutrophil",
        "monocyte",
    )
    assert corrected["path"] == "ward/=1+1.png"
    assert corrected["note"] == "'@home"
    assert float(corrected["p(neutrophil)"]) == 0.93
    assert rows[1]["certainty"] == "undecided"
    assert {row["notice"] for row in rows} == {"Research use only, not for diagnosis."}


def test_a_search_is_what_is_exported(api: APIClient) -> None:
    assert len(rows_of(content(api, "csv", review="corrected"))) == 1
    [found] = json.loads(content(api, "json", review="corrected"))
    assert found == api.get(found["url"]).json()
    assert json.loads(content(api, "json", review="confirmed")) == []
    assert api.get(f"{EXPORT}csv", {"review": "perhaps"}).status_code == 400


def test_images_lie_in_a_folder_for_each_class(api: APIClient, user: User) -> None:
    with zipfile.ZipFile(io.BytesIO(content(api, "zip", status="SUCCESS"))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        table = rows_of(archive.read("labels.csv"))
        images = [row["file"] for row in table]
        assert sorted(image.split("/")[0] for image in images) == ["monocyte", "undecided"]
        assert set(names) == {*images, "labels.csv"}
        for image in images:
            assert Image.open(io.BytesIO(archive.read(image))).size == (28, 28)


def test_a_class_with_odd_letters_is_a_folder_all_the_same(api: APIClient) -> None:
    Prediction.objects.filter(status="SUCCESS").update(
        reviewed_label="../a:b", reviewed_at=timezone.now()
    )
    with zipfile.ZipFile(io.BytesIO(content(api, "zip"))) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {
            "a-b",
            "no class",
            "labels.csv",
        }


def test_an_export_asks_as_much_for_many_results_as_for_few(
    api: APIClient,
    user: User,
    trained_model: TrainedModel,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    api.get("/api/v1/me/")
    for _ in range(2):
        for kind in ("csv", "json", "zip"):
            with django_assert_max_num_queries(9):
                content(api, kind)
        for _ in range(5):
            PredictionFactory.create(succeeded=True, image__owner=user, trained_model=trained_model)


def test_results_are_run_again_by_another_model(
    api: APIClient, user: User, trained_model: TrainedModel
) -> None:
    chosen = Prediction.objects.filter(owner=user, status="SUCCESS")
    theirs = Prediction.objects.exclude(owner=user).get()
    keys = [str(row.pk) for row in [*chosen, theirs]]
    answer = api.post(
        "/api/v1/predictions/run-again/", {"predictions": keys, "model": "blood"}, format="json"
    )
    assert answer.json() == {"number": 2}
    waiting = Prediction.objects.filter(status="PENDING")
    assert {row.image_id for row in waiting} == {row.image_id for row in chosen}


def test_a_search_is_kept_by_its_name(api: APIClient) -> None:
    for query in ("review=corrected", "certainty=unlike"):
        answer = api.post("/api/v1/views/", {"name": "To see", "query": query}, format="json")
        assert answer.status_code == 201
    [kept] = api.get("/api/v1/views/").json()
    assert (kept["name"], kept["query"]) == ("To see", "certainty=unlike")
    assert api.delete(f"/api/v1/views/{kept['id']}/").status_code == 204
    assert api.get("/api/v1/views/").json() == []
