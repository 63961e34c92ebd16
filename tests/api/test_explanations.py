"""Explanations by the API."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from PIL import Image
from rest_framework.test import APIClient

from classifier import tasks
from classifier.models import Explanation, Prediction, TrainedModel
from tests.factories import ExplanationFactory, PredictionFactory, explanation_check

pytestmark = pytest.mark.django_db


@pytest.fixture
def prediction(monkeypatch: pytest.MonkeyPatch, user: User) -> Prediction:
    monkeypatch.setattr(tasks.run_explanations, "delay", lambda: None)
    return PredictionFactory.create(succeeded=True, image__owner=user)


def address(prediction: Prediction) -> str:
    return f"/api/v1/predictions/{prediction.pk}/explanations/"


def ask(api: APIClient, prediction: Prediction, method: str = "occlusion") -> Any:
    return api.post(address(prediction), {"method": method}, format="json")


def test_a_map_is_asked_for_followed_and_fetched(api: APIClient, prediction: Prediction) -> None:
    asked = ask(api, prediction)
    assert asked.status_code == 202
    assert asked["Retry-After"]
    url = asked["Location"]
    assert url.endswith(f"{address(prediction)}occlusion/")
    waiting = api.get(url).json()
    assert (waiting["status"], waiting["map_url"], waiting["where"]) == ("PENDING", None, "")
    assert waiting["label"] == "neutrophil"
    assert waiting["check"]["covering"]["marked"] == 0.31
    assert waiting["notice"].startswith("Research use only")
    Explanation.objects.all().delete()
    ExplanationFactory.create(prediction=prediction, method="occlusion", succeeded=True)
    assert ask(api, prediction).status_code == 200
    [done] = api.get(address(prediction)).json()
    assert done["where"] == "Half of it or more lies in the upper left."
    found = api.get(done["map_url"])
    assert found["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(found.content)) as picture:
        assert (picture.mode, picture.getpixel((0, 0)), picture.getpixel((20, 20))) == ("L", 255, 0)


def test_a_method_that_did_not_pass_is_refused(api: APIClient, prediction: Prediction) -> None:
    ExplanationFactory.create(prediction=prediction, method="occlusion", succeeded=True)
    failed = [explanation_check("occlusion", difference=(-0.2, 0.1))]
    measured = prediction.trained_model.evaluation | {"explanations": failed}
    TrainedModel.objects.update(evaluation=measured)
    refused = ask(api, prediction)
    assert refused.status_code == 409
    assert "did not pass their check" in refused.json()["detail"]
    assert api.get(f"{address(prediction)}occlusion/map/").status_code == 404


def test_what_is_asked_wrongly_is_named(api: APIClient, prediction: Prediction) -> None:
    answer = ask(api, prediction, "lime")
    assert answer.status_code == 400
    assert "method" in answer.json()["errors"]
    assert api.get(f"{address(prediction)}lime/").status_code == 404
    assert api.get(f"{address(prediction)}grad-cam/map/").status_code == 404


def test_beyond_the_limit_it_says_when_to_come_back(
    api: APIClient, prediction: Prediction, settings: Any
) -> None:
    settings.MAX_WAITING_EXPLANATIONS = 1
    assert ask(api, prediction, "occlusion").status_code == 202
    refused = ask(api, prediction, "grad-cam")
    assert refused.status_code == 429
    assert refused["Retry-After"] == "30"
