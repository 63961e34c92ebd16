"""What an administrator can see and do, and what stays as it is."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from classifier import tasks
from classifier.models import ImageUpload, Prediction, Status, TrainedModel
from tests.factories import PredictionFactory, TrainedModelFactory

pytestmark = pytest.mark.django_db

OWN_MODELS = list(apps.get_app_config("classifier").get_models())


@pytest.fixture
def admin_pages(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_every_model_of_the_database_is_listed() -> None:
    assert set(OWN_MODELS) <= set(admin.site._registry)


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_lists_open_and_search(admin_pages: Client, model: type) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    address = reverse(f"admin:classifier_{model._meta.model_name}_changelist")
    assert admin_pages.get(address).status_code == 200
    assert admin_pages.get(address, {"q": prediction.image.owner.username}).status_code == 200


def test_a_result_can_be_looked_at_but_not_changed(admin_pages: Client) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    address = reverse("admin:classifier_prediction_change", args=[prediction.pk])
    assert admin_pages.get(address).status_code == 200
    assert admin_pages.post(address, {"predicted_label": "monocyte"}).status_code == 403
    prediction.refresh_from_db()
    assert prediction.predicted_label == "neutrophil"


@pytest.mark.parametrize("name", ["prediction", "imageupload", "trainedmodel", "apitoken", "batch"])
def test_nothing_is_added_by_hand(admin_pages: Client, name: str) -> None:
    assert admin_pages.get(reverse(f"admin:classifier_{name}_add")).status_code == 403


def test_a_model_can_be_switched_off_and_nothing_else(admin_pages: Client) -> None:
    model = TrainedModelFactory.create()
    address = reverse("admin:classifier_trainedmodel_change", args=[model.pk])
    answer = admin_pages.post(address, {"title": "Better than it is"})
    assert answer.status_code == 302
    changed = TrainedModel.objects.get()
    assert (changed.is_active, changed.title) == (False, model.title)


def test_models_stand_with_what_was_measured(admin_pages: Client) -> None:
    TrainedModelFactory.create(dataset="breastmnist", channels=1)
    TrainedModelFactory.create(evaluation=None)
    text = admin_pages.get(reverse("admin:classifier_trainedmodel_changelist")).content.decode()
    assert "0.9000 (0.8300–0.9400), n = 100" in text
    assert "malignant: 0.9000, 0.9500" in text


def test_failed_predictions_are_queued_again(
    admin_pages: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.run_predictions, "delay", lambda slug: None)
    failed = PredictionFactory.create(failed=True)
    done = PredictionFactory.create(succeeded=True)
    address = reverse("admin:classifier_prediction_changelist")
    chosen = {"action": "run_again", "_selected_action": [failed.pk, done.pk]}
    answer = admin_pages.post(address, chosen, follow=True)
    assert "1 predictions were queued again" in answer.content.decode()
    assert Prediction.objects.get(pk=failed.pk).status == Status.PENDING


def test_deleting_predictions_takes_their_images_along(admin_pages: Client) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    address = reverse("admin:classifier_prediction_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [prediction.pk], "post": "yes"}
    admin_pages.post(address, chosen)
    assert not Prediction.objects.exists()
    assert not ImageUpload.objects.exists()


def test_the_admin_is_closed_to_others(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get(reverse("admin:index")).status_code in {302, 403}
