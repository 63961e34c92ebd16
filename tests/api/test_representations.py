"""Tokens, pictures, lists and unchanged answers."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from classifier.models import ApiToken, Prediction, TrainedModel
from tests.factories import (
    BatchFactory,
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
    png,
)

pytestmark = pytest.mark.django_db

API = "/api/v1/"


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_a_token_is_named_shown_once_and_revoked(
    api: APIClient, signed_in: APIClient, user: User
) -> None:
    issued = signed_in.post(f"{API}tokens/", {"name": "night run"}).json()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {issued['token']}")
    listed = client.get(f"{API}tokens/").json()
    assert [token["name"] for token in listed] == ["night run", "test"]
    assert "token" not in listed[0]
    assert issued["token"] not in json.dumps(list(ApiToken.objects.values()), default=str)
    assert api.delete(f"{API}tokens/{issued['id']}/").status_code == 204
    assert client.get(f"{API}me/").status_code == 401


@pytest.mark.parametrize("name", ["", " ", "n" * 81, "a\0b"])
def test_a_token_needs_a_name(signed_in: APIClient, name: str) -> None:
    assert signed_in.post(f"{API}tokens/", {"name": name}, format="json").status_code == 400
    assert not ApiToken.objects.exists()


def test_secrets_are_kept_by_no_cache(api: APIClient, signed_in: APIClient) -> None:
    assert "no-store" in signed_in.post(f"{API}tokens/", {"name": "x"})["Cache-Control"]
    assert "private" in api.get(f"{API}predictions/")["Cache-Control"]


def test_an_image_and_what_a_model_sees_of_it(
    api: APIClient, user: User, trained_model: TrainedModel
) -> None:
    file = ContentFile(png(60, 40), "image.png")
    image = ImageUploadFactory.create(owner=user, file=file, width=60, height=40)
    body = api.get(f"{API}predictions/{PredictionFactory.create(image=image).pk}/").json()["image"]
    answer = api.get(body["url"])
    assert answer["Content-Type"] == "image/png"
    assert content_of(answer) == png(60, 40)
    seen = api.get(body["model_view_url"], {"model": "blood"})
    assert Image.open(io.BytesIO(seen.content)).size == (28, 28)
    wrong_crops = [{"model": "blood", "crop": crop} for crop in ("round", "")]
    for query in ({}, {"model": "unknown"}, *wrong_crops):
        assert api.get(body["model_view_url"], query).status_code == 400


def test_a_jpeg_is_given_as_it_is_kept(api: APIClient, trained_model: TrainedModel) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "plum").save(buffer, "JPEG", comment=b"Jane Doe")
    sent = SimpleUploadedFile("cell.jpg", buffer.getvalue())
    body = api.post(f"{API}predictions/", {"model": "blood", "image": sent}).json()["image"]
    answer = api.get(body["url"])
    assert answer["Content-Type"] == "image/jpeg"
    kept = content_of(answer)
    assert b"Jane Doe" not in kept
    with Image.open(io.BytesIO(buffer.getvalue())) as before, Image.open(io.BytesIO(kept)) as after:
        assert before.tobytes() == after.tobytes()
    assert api.get(body["model_view_url"], {"model": "blood"}).status_code == 200


@pytest.mark.parametrize("path", ["", "model-view/?model=blood"])
def test_an_image_whose_file_is_gone(
    api: APIClient, user: User, trained_model: TrainedModel, path: str
) -> None:
    image = ImageUploadFactory.create(owner=user)
    image.file.delete(save=False)
    assert api.get(f"{API}images/{image.pk}/{path}").status_code == 404


@pytest.fixture
def addresses(user: User, trained_model: TrainedModel) -> list[str]:
    batch = BatchFactory.create(owner=user)
    prediction = PredictionFactory.create(
        image__owner=user, batch=batch, trained_model=trained_model
    )
    return [
        f"{API}predictions/{prediction.pk}/",
        f"{API}batches/{batch.pk}/",
        f"{API}models/blood/",
        f"{API}images/{prediction.image_id}/",
        f"{API}images/{prediction.image_id}/model-view/?model=blood",
    ]


def test_what_has_not_changed_is_not_sent_again(api: APIClient, addresses: list[str]) -> None:
    for address in addresses:
        tag = api.get(address)["ETag"]
        again = api.get(address, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")


def test_what_has_changed_is_sent_again(api: APIClient, addresses: list[str]) -> None:
    tags = {address: api.get(address)["ETag"] for address in addresses[:2]}
    Prediction.objects.update(status="STARTED", attempts=1)
    for address, tag in tags.items():
        assert api.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_lists_are_ordered_and_found_by_batch(api: APIClient, user: User) -> None:
    batch = BatchFactory.create(owner=user)
    made = [PredictionFactory.create(image__owner=user, batch=batch) for _ in range(3)]
    PredictionFactory.create(image__owner=user)

    def listed(query: str) -> list[str]:
        return [row["id"] for row in api.get(f"{API}predictions/?{query}").json()["results"]]

    oldest_first = [str(prediction.pk) for prediction in made]
    assert listed(f"batch={batch.pk}&ordering=created_at") == oldest_first
    assert listed(f"batch={batch.pk}&ordering=-created_at") == oldest_first[::-1]
    assert listed(f"batch={batch.pk}") == oldest_first[::-1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("ordering=status", 400),
        ("batch=not-a-key", 400),
        ("in_distribution=perhaps", 400),
        ("predicted_label=%00", 400),
        ("created_after=0001-01-01T00:00:00%2B14:00", 400),
        ("cursor=nonsense", 404),
        ("cursor=cD15ZXN0ZXJkYXk=", 404),  # p=yesterday
        ("page_size=-1", 400),
        ("page_size=0", 400),
        ("page_size=ten", 400),
        ("page_size=1.5", 400),
        ("page_size=", 400),
        ("page_size=9999999999999999999", 200),
    ],
)
@pytest.mark.parametrize("path", ["predictions/"])
def test_odd_questions_get_clear_answers(
    api: APIClient, user: User, path: str, query: str, status: int
) -> None:
    PredictionFactory.create(image__owner=user)
    assert api.get(f"{API}{path}?{query}").status_code == status


@pytest.mark.parametrize("path", ["predictions/", "batches/", "models/", "tokens/"])
def test_lists_ask_as_much_for_many_rows_as_for_few(
    api: APIClient, user: User, django_assert_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    def queries() -> int:
        with django_assert_num_queries(10, exact=False) as asked:
            assert api.get(f"{API}{path}").status_code == 200
        return len(asked)

    def add(count: int) -> None:
        for _ in range(count):
            batch = BatchFactory.create(owner=user)
            PredictionFactory.create(image__owner=user, batch=batch, succeeded=True)
            TrainedModelFactory.create()
            ApiToken.objects.issue(user, name="one of many")

    add(1)
    api.get(f"{API}{path}")
    few = queries()
    add(6)
    assert queries() == few


def test_a_json_body_where_a_file_is_needed_is_refused(api: APIClient) -> None:
    answer = api.post(f"{API}predictions/", {"model": "blood"}, format="json")
    assert answer.status_code == 415


def test_a_large_body_is_refused_where_none_is_needed(api: APIClient) -> None:
    body = {"name": "x", "extra": SimpleUploadedFile("a.bin", bytes(3_000_000))}
    assert api.post(f"{API}tokens/", body).status_code == 413


def test_accept_changes_nothing(api: APIClient) -> None:
    answer = api.get(f"{API}models/", headers={"Accept": "text/html"})
    assert answer["Content-Type"] == "application/json"


def test_a_result_carries_the_doubts_of_its_model(api: APIClient, user: User) -> None:
    doubtful = PredictionFactory.create(image__owner=user, doubtful=True)
    body = api.get(f"{API}predictions/{doubtful.pk}/").json()
    assert body["in_distribution"] is True
    assert body["prediction_set"] == ["neutrophil", "immature granulocytes"]
    assert (body["limits"], body["certainty"]) == ("accepted", "undecided")
    unusual = PredictionFactory.create(image__owner=user, unusual=True)
    body = api.get(f"{API}predictions/{unusual.pk}/").json()
    assert (body["limits"], body["certainty"]) == ("unusual", "unusual")
    assert body["in_distribution"] is True
    silent = PredictionFactory.create(image__owner=user, succeeded=True)
    body = api.get(f"{API}predictions/{silent.pk}/").json()
    assert (body["in_distribution"], body["prediction_set"]) == (None, None)


def test_what_is_unlike_the_training_data_can_be_listed(api: APIClient, user: User) -> None:
    for state in ("out_of_distribution", "doubtful", "succeeded"):
        PredictionFactory.create(image__owner=user, **{state: True})

    def flags(query: str) -> list[bool | None]:
        rows = api.get(f"{API}predictions/?{query}").json()["results"]
        return [row["in_distribution"] for row in rows]

    assert flags("in_distribution=false") == [False]
    assert flags("in_distribution=true") == [True]
    assert len(flags("")) == 3
