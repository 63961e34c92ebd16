"""Explanations on the result page."""

import io

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from classifier import tasks
from classifier.models import Explanation, Method, Prediction, TrainedModel
from classifier.web.colour_map import coloured, palette
from tests.factories import (
    BatchFactory,
    ExplanationFactory,
    PredictionFactory,
    ProjectFactory,
    explanation_check,
    map_png,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.run_explanations, "delay", lambda: None)


@pytest.fixture
def prediction(client: Client, user: User) -> Prediction:
    client.force_login(user)
    return PredictionFactory.create(succeeded=True, image__owner=user)


def address(prediction: Prediction, method: str = "grad-cam") -> str:
    return f"{prediction.get_absolute_url()}explanations/{method}/"


def page(client: Client, prediction: Prediction) -> str:
    return client.get(prediction.get_absolute_url()).content.decode()


def test_it_is_asked_for_without_scripts_and_the_page_follows_it(
    client: Client, prediction: Prediction
) -> None:
    before = page(client, prediction)
    assert before.count("Make the map") == 2
    assert 'http-equiv="refresh"' not in before
    answer = client.post(address(prediction))
    assert answer["Location"] == f"{prediction.get_absolute_url()}#explanation-grad-cam"
    waiting = page(client, prediction)
    assert "Waiting for the worker." in waiting
    assert 'http-equiv="refresh"' in waiting
    Explanation.objects.all().delete()
    ExplanationFactory.create(prediction=prediction, succeeded=True)
    done = page(client, prediction)
    assert "Map by Grad-CAM of what spoke for neutrophil. Half of it or more lies in the" in done
    assert 'type="range"' in done
    assert "lowers the probability by 31.0 percentage points on average" in done
    assert "Research use only" in done


def test_with_scripts_the_panel_alone_is_answered(client: Client, prediction: Prediction) -> None:
    answer = client.post(address(prediction, "occlusion"), headers={"HX-Request": "true"})
    panel = answer.content.decode()
    assert 'id="explanation-occlusion"' in panel
    assert 'hx-trigger="every 1s"' in panel
    assert "Occlusion: queued." in panel
    again = client.get(
        f"{address(prediction, 'occlusion')}?seen=PENDING", headers={"HX-Request": "true"}
    )
    assert "announcement" not in again.content.decode()


def test_what_failed_says_so_and_can_be_tried_again(client: Client, prediction: Prediction) -> None:
    ExplanationFactory.create(prediction=prediction, failed=True)
    shown = page(client, prediction)
    assert "This map took too long and was stopped." in shown
    assert "Try again" in shown


def test_a_method_that_failed_its_check_shows_its_figures_and_no_map(
    client: Client, prediction: Prediction
) -> None:
    ExplanationFactory.create(prediction=prediction, succeeded=True)
    checks = [
        explanation_check("grad-cam", difference=(-0.1, 0.02)),
        explanation_check("occlusion"),
    ]
    measured = prediction.trained_model.evaluation | {"explanations": checks}
    TrainedModel.objects.update(evaluation=measured)
    shown = page(client, prediction)
    assert "Its maps did not pass their check for this model, so they are not shown." in shown
    assert "\u221210.0 to +2.0" in shown.replace(" percentage points", "")
    assert shown.count("Make the map") == 1
    picture = f"{prediction.get_absolute_url()}explanations/grad-cam.png"
    assert picture not in shown
    assert client.get(picture).status_code == 404
    client.post(address(prediction))
    assert "did not pass their check" in page(client, prediction)


def test_of_an_image_unlike_the_training_data_it_says_what_a_map_can_show(
    client: Client, user: User
) -> None:
    client.force_login(user)
    unlike = PredictionFactory.create(out_of_distribution=True, image__owner=user)
    assert "only show what the model took for its class" in page(client, unlike)


def test_there_is_nothing_to_explain_while_it_waits(client: Client, user: User) -> None:
    client.force_login(user)
    waiting = PredictionFactory.create(image__owner=user)
    assert "Make the map" not in page(client, waiting)
    headers = {"HX-Request": "true"}
    assert client.get(address(waiting), headers=headers).status_code == 404
    refused = client.post(address(waiting), follow=True).content.decode()
    assert "There is nothing to explain before there is a result." in refused


def test_the_page_gets_its_panels_with_the_result(client: Client, prediction: Prediction) -> None:
    answer = client.get(f"{prediction.get_absolute_url()}status/?seen=PENDING").content.decode()
    assert 'id="explanations"' in answer
    assert answer.count("Make the map") == 2


def test_others_find_nothing_and_viewers_may_only_look(
    client: Client, user: User, other_user: User
) -> None:
    project = ProjectFactory.create(owner=user)
    batch = BatchFactory.create(owner=user, project=project)
    shared = PredictionFactory.create(succeeded=True, image__owner=user, batch=batch)
    ExplanationFactory.create(prediction=shared, succeeded=True)
    picture = f"{shared.get_absolute_url()}explanations/grad-cam.png"
    client.force_login(other_user)
    assert client.get(picture).status_code == 404
    assert client.post(address(shared)).status_code == 404
    project.memberships.create(user=other_user, role="viewer")
    assert client.get(picture).status_code == 200
    assert "Make the map" not in page(client, shared)
    refused = client.post(address(shared, "occlusion"), follow=True).content.decode()
    assert "You may look at this result, but not have it explained." in refused
    assert Explanation.objects.count() == 1


@pytest.mark.parametrize("method", ["lime", "GRAD-CAM"])
def test_an_unknown_method_is_not_found(
    client: Client, prediction: Prediction, method: str
) -> None:
    assert client.get(address(prediction, method)).status_code == 404
    assert client.post(address(prediction, method)).status_code == 404


def test_the_picture_is_the_map_in_colour(client: Client, prediction: Prediction) -> None:
    ExplanationFactory.create(prediction=prediction, succeeded=True)
    answer = client.get(f"{prediction.get_absolute_url()}explanations/grad-cam.png")
    assert answer["Content-Type"] == "image/png"
    assert answer["Cache-Control"] == "private, no-cache"
    with Image.open(io.BytesIO(answer.content)) as picture:
        colours = picture.convert("RGB")
    assert colours.getpixel((0, 0)) == (253, 231, 37)
    assert colours.getpixel((20, 20)) == (68, 1, 84)


def test_the_colours_grow_lighter_in_even_steps_for_every_eye() -> None:
    rgb = np.frombuffer(palette(), np.uint8).reshape(256, 3) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness[::17])
    assert steps.min() > 0.6 * steps.mean()
    assert steps.max() < 1.5 * steps.mean()
    assert len(coloured(map_png())) > 0


@pytest.mark.parametrize("method", Method)
def test_a_model_that_was_not_checked_offers_none(
    client: Client, prediction: Prediction, method: Method
) -> None:
    measured = prediction.trained_model.evaluation | {"explanations": []}
    TrainedModel.objects.update(evaluation=measured)
    shown = page(client, prediction)
    assert "was not checked for this model" in shown
    assert "Make the map" not in shown
