"""The HTTP contract: tokens, models, predictions, errors."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from classifier.models import ApiToken, ImageUpload, Prediction, TrainedModel
from tests.factories import PredictionFactory, TrainedModelFactory, png

pytestmark = pytest.mark.django_db

PREDICTIONS = "/api/v1/predictions/"


def send(api: APIClient, content: bytes, name: str = "cell.png", **fields: str) -> Any:
    image = SimpleUploadedFile(name, content, "image/png")
    return api.post(PREDICTIONS, {"image": image, **fields})


def test_a_password_buys_a_token_that_works(user: User) -> None:
    client = APIClient()
    credentials = {"username": user.username, "password": "correct horse battery"}
    answer = client.post("/api/v1/auth/token/", credentials)
    assert answer.status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert client.get(PREDICTIONS).status_code == 200
    assert user.api_tokens.get().last_used_at is not None


def test_a_wrong_password_buys_nothing(user: User) -> None:
    credentials = {"username": user.username, "password": "wrong"}
    answer = APIClient().post("/api/v1/auth/token/", credentials)
    assert answer.status_code == 400
    assert not ApiToken.objects.exists()


def test_guessing_passwords_is_limited(user: User) -> None:
    client = APIClient()
    credentials = {"username": user.username, "password": "wrong"}
    statuses = [client.post("/api/v1/auth/token/", credentials).status_code for _ in range(11)]
    assert statuses[-1] == 429


@pytest.mark.parametrize("header", ["", "Token nonsense", "Token", "Token a b"])
@pytest.mark.parametrize("path", ["models/", "predictions/"])
def test_nothing_is_read_without_a_valid_token(header: str, path: str) -> None:
    client = APIClient()
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


def test_a_token_of_a_disabled_person_is_worth_nothing(api: APIClient, user: User) -> None:
    User.objects.update(is_active=False)
    assert api.get(PREDICTIONS).status_code == 401


def test_models_are_listed_with_what_they_are_worth(
    api: APIClient, trained_model: TrainedModel
) -> None:
    TrainedModelFactory.create(is_active=False)
    [listed] = api.get("/api/v1/models/").json()
    assert listed["slug"] == "blood"
    assert listed["accuracy"] == trained_model.evaluation["accuracy"]
    assert listed["has_limits"] is False
    detail = api.get(listed["url"]).json()
    assert detail["metadata"] == trained_model.metadata
    assert detail["evaluation"] == trained_model.evaluation


def test_an_image_is_accepted_and_waits(
    api: APIClient, user: User, trained_model: TrainedModel
) -> None:
    answer = send(api, png(40, 30), model="blood")
    assert answer.status_code == 202
    assert answer["Retry-After"]
    body = answer.json()
    assert answer["Location"] == body["url"]
    assert body["status"] == "PENDING"
    assert body["image"]["width"], body["image"]["height"] == (40, 30)
    assert "not for diagnosis" in body["notice"]
    assert [api.get(body["url"]).json()] == body.pop("predictions")
    assert ImageUpload.objects.get().owner == user


def test_a_result_reads_as_the_contract_says(api: APIClient, user: User) -> None:
    prediction = PredictionFactory.create(succeeded=True, image__owner=user)
    body = api.get(f"{PREDICTIONS}{prediction.pk}/").json()
    assert body["predicted_label"] == "neutrophil"
    assert list(body["probabilities"]) == prediction.trained_model.metadata["classes"]
    assert body["probabilities"]["neutrophil"] == body["confidence"]
    assert body["model"] == prediction.trained_model.slug
    assert body["model_version"] == 1
    assert body["started_at"] < body["finished_at"]


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [
        (b"", "empty.png", 400),
        (b"just text", "text.png", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg", 400),
        (png(40, 40)[:60], "cut.png", 400),
        (png(1, 1), "dot.png", 400),
        (b"\x89PNG\r\n\x1a\n" + bytes(21 * 2**20), "large.png", 413),
    ],
)
def test_bad_images_are_refused_and_leave_nothing(
    api: APIClient, trained_model: TrainedModel, content: bytes, name: str, status: int
) -> None:
    answer = send(api, content, name, model="blood")
    assert answer.status_code == status
    body = answer.json()
    assert body["status"] == status
    assert body["errors"]["image"]
    assert not ImageUpload.objects.exists()


def test_a_path_in_the_filename_is_refused(api: APIClient, trained_model: TrainedModel) -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nblood\r\n'
        b'--X\r\nContent-Disposition: form-data; name="image"; filename="../../etc/cell.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + png() + b"\r\n--X--\r\n"
    )
    answer = api.generic("POST", PREDICTIONS, body, "multipart/form-data; boundary=X")
    assert answer.status_code == 400
    assert answer.json()["code"] == "filename_path"


@pytest.mark.parametrize("model", ["unknown", "retired", ""])
def test_a_model_that_cannot_be_chosen_is_refused(api: APIClient, model: str) -> None:
    TrainedModelFactory.create(slug="retired", is_active=False)
    answer = send(api, png(), model=model)
    assert answer.status_code == 400
    assert "model" in answer.json()["errors"]
    assert not Prediction.objects.exists()


def test_a_missing_image_is_named(api: APIClient, trained_model: TrainedModel) -> None:
    answer = api.post(PREDICTIONS, {"model": "blood"})
    assert answer.status_code == 400
    assert "No image" in answer.json()["errors"]["image"][0]


def test_other_peoples_predictions_do_not_exist(
    api: APIClient, other_user: User, staff: User
) -> None:
    theirs = PredictionFactory.create(image__owner=other_user)
    assert api.get(f"{PREDICTIONS}{theirs.pk}/").status_code == 404
    assert api.get(PREDICTIONS).json()["results"] == []
    api.force_authenticate(staff)
    assert api.get(f"{PREDICTIONS}{theirs.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=SUCCESS", 1),
        ("status=PENDING", 1),
        ("predicted_label=neutrophil", 1),
        ("predicted_label=monocyte", 0),
        ("model=blood", 1),
        ("created_after=2000-01-01T00:00:00Z", 2),
        ("created_before=2000-01-01T00:00:00Z", 0),
    ],
)
def test_lists_are_filtered(
    api: APIClient, user: User, trained_model: TrainedModel, query: str, found: int
) -> None:
    PredictionFactory.create(succeeded=True, image__owner=user, trained_model=trained_model)
    PredictionFactory.create(image__owner=user)
    assert len(api.get(f"{PREDICTIONS}?{query}").json()["results"]) == found


@pytest.mark.parametrize("query", ["status=DONE", "created_after=yesterday"])
def test_a_filter_that_makes_no_sense_is_refused(api: APIClient, query: str) -> None:
    assert api.get(f"{PREDICTIONS}?{query}").status_code == 400


def test_lists_page_and_ask_a_constant_number_of_queries(
    api: APIClient, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    PredictionFactory.create_batch(5, image__owner=user)
    api.get(PREDICTIONS)
    # The token, the limit, the rows, their images and models.
    with django_assert_max_num_queries(6):
        first = api.get(f"{PREDICTIONS}?page_size=3").json()
    assert len(first["results"]) == 3
    assert len(api.get(first["next"]).json()["results"]) == 2


@pytest.mark.parametrize("path", ["/api/v1/nothing/", f"{PREDICTIONS}not-a-key/", "/api/v2/"])
def test_what_is_not_there_is_a_problem_document(api: APIClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_schema_and_docs_are_served_from_here_alone(api: APIClient, user: User) -> None:
    schema = api.get("/api/schema/")
    assert b"/api/v1/predictions/{id}/" in schema.content
    client = Client()
    client.force_login(user)
    docs = client.get("/api/docs/").content.decode()
    assert "<code>/api/v1/predictions/{id}/</code>" in docs
    assert re.findall(r'(?:src|href)="https?://', docs) == []
    targets = set(re.findall(r'href="#([\w-]+)"', docs)) - {"main"}
    assert targets <= set(re.findall(r'id="([\w-]+)"', docs))
