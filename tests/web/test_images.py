"""Pictures and how they may be kept."""

import io

import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from classifier.models import Prediction
from classifier.synthetic import samples
from tests.factories import PredictionFactory, TrainedModelFactory


@pytest.fixture
def prediction(user: User) -> Prediction:
    model = TrainedModelFactory.create(size=28)
    return PredictionFactory.create(image__owner=user, trained_model=model, succeeded=True)


def addresses(prediction: Prediction) -> list[str]:
    return [
        f"/images/{prediction.image_id}/image.png",
        f"/images/{prediction.image_id}/thumbnail.png",
        f"/predictions/{prediction.pk}/model-view.png",
        "/samples/synthetic-neutrophil.png",
        "/samples/synthetic-neutrophil/thumbnail.png",
    ]


def test_pictures_are_private_and_tagged(page: Client, prediction: Prediction) -> None:
    for url in addresses(prediction):
        response = page.get(url)
        assert response["Content-Type"] == "image/png"
        assert response["Cache-Control"].startswith("private")
        assert response["X-Content-Type-Options"] == "nosniff"
        again = page.get(url, headers={"If-None-Match": response["ETag"]})
        assert again.status_code == 304, url


def test_model_view_is_what_the_model_saw(page: Client, prediction: Prediction) -> None:
    data = page.get(f"/predictions/{prediction.pk}/model-view.png").content
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, image.mode) == ((28, 28), "RGB")


def test_model_view_of_a_grey_model(page: Client, user: User) -> None:
    model = TrainedModelFactory.create(channels=1, dataset="breastmnist")
    prediction = PredictionFactory.create(image__owner=user, trained_model=model)
    data = page.get(f"/predictions/{prediction.pk}/model-view.png").content
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"


def test_lost_file_is_not_found(page: Client, prediction: Prediction) -> None:
    image = prediction.image
    for file in (image.file, image.thumbnail):
        file.storage.delete(file.name)
    for url in addresses(prediction)[:3]:
        assert page.get(url).status_code == 404
    assert page.get(prediction.get_absolute_url()).status_code == 200


def test_sample_is_the_drawn_file(page: Client) -> None:
    known = samples.samples()[0]
    assert page.get(f"/samples/{known.slug}.png").content == samples.draw(known.slug)


@pytest.mark.parametrize("path", ["/samples/nothing.png", "/samples/nothing/thumbnail.png"])
def test_unknown_sample(page: Client, path: str) -> None:
    assert page.get(path).status_code == 404
