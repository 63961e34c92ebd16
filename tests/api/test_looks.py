"""Which part of an image to look at and what it may show, as programs ask for it."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from classifier.models import Batch, ImageUpload, Prediction, TrainedModel
from tests.factories import png
from tests.smears import smear

pytestmark = pytest.mark.django_db

WHITE = ["basophil", "eosinophil", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil"]


def send(api: APIClient, *, content: bytes = b"", key: str = "", **fields: Any) -> Any:
    image = SimpleUploadedFile("cell.png", content or png(200, 160))
    headers = {"Idempotency-Key": key} if key else {}
    sent = {"image": image, "model": "blood", **fields}
    return api.post("/api/v1/predictions/", sent, headers=headers)


@pytest.mark.parametrize("given", ["20,10,100", "20, 10, 120, 110"])
@pytest.mark.parametrize("crop", [{}, {"crop": "box"}])
def test_a_box_is_taken_as_the_answer_gives_it(
    api: APIClient, trained_model: TrainedModel, given: str, crop: dict[str, str]
) -> None:
    answer = send(api, box=given, **crop)
    assert answer.status_code == 202
    assert answer.json()["crop"] == "box"
    assert answer.json()["box"] == {"left": 20, "upper": 10, "side": 100, "origin": "given"}


@pytest.mark.parametrize(
    "fields",
    [
        {"box": "20,10"},
        {"box": "20,10,120,100"},
        {"box": "20,10,0"},
        {"box": "-1,0,9"},
        {"box": "150,10,100"},
        {"crop": "box"},
        {"crop": "center", "box": "1,1,9"},
        {"platelets": "true"},
        {"labels": "neutrophil"},
        {"labels": ["neutrophil", "unicorn"]},
        {"crop": "cells"},
    ],
)
def test_what_cannot_be_looked_at_is_refused_and_leaves_nothing(
    api: APIClient, trained_model: TrainedModel, fields: dict[str, Any]
) -> None:
    answer = send(api, **fields)
    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert not ImageUpload.objects.exists()
    assert not Batch.objects.exists()


def test_possible_classes_are_kept_and_told(api: APIClient, trained_model: TrainedModel) -> None:
    assert send(api).json()["labels"] is None
    assert send(api, labels="white-cells").json()["labels"] == WHITE
    own = send(api, labels=["platelet", "neutrophil"]).json()
    assert own["labels"] == ["neutrophil", "platelet"]


def test_a_key_stands_for_the_classes_too(api: APIClient, trained_model: TrainedModel) -> None:
    first = send(api, key="k", labels="white-cells")
    assert send(api, key="k", labels="white-cells").json()["id"] == first.json()["id"]
    assert send(api, key="k").status_code == 409


def test_a_field_is_one_image_with_many_predictions(
    api: APIClient, trained_model: TrainedModel
) -> None:
    file = io.BytesIO()
    red_cells = [(x, y) for x in range(40, 760, 90) for y in (40, 250, 300, 540)]
    drawn = [(120, 110, 100), (400, 130, 110), (640, 380, 90)]
    Image.fromarray(smear((760, 580), drawn, red_cells=red_cells)).save(file, "PNG")
    body = send(api, content=file.getvalue(), crop="cells").json()
    assert len(body["predictions"]) == len(drawn)
    assert len({each["image"]["id"] for each in body["predictions"]}) == 1
    assert {each["box"]["origin"] for each in body["predictions"]} == {"found"}
    assert body["batch"] == str(Batch.objects.get().pk)
    assert Prediction.objects.count() == len(drawn)
