"""Adapting a model by program, and taking models from one installation to another."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from classifier import catalogue
from classifier.models import Adaptation, LabelledSet, ModelImport, Status, TrainedModel
from tests.api.conftest import client_of
from tests.factories import AdaptationFactory, LabelledImageFactory, LabelledSetFactory

URL = "/api/v1/adaptations/"


@pytest.fixture
def labelled(user: User) -> LabelledSet:
    made = LabelledSetFactory.create(owner=user, name="North wing")
    for label in ("neutrophil", "monocyte"):
        LabelledImageFactory.create_batch(5, labelled_set=made, given_label=label)
    return made


def test_an_adaptation_is_queued_and_asked_for_until_it_has_ended(
    api: APIClient, labelled: LabelledSet, trained_model: TrainedModel
) -> None:
    sent = {"labelled_set": str(labelled.pk), "model": trained_model.slug, "coverage": 0.99}
    answer = api.post(URL, sent, format="json")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["status"], body["coverage"], body["adapted_model"]) == ("PENDING", 0.99, None)
    assert body["notice"].startswith("Research use only")
    assert api.post(URL, sent, format="json").json()["id"] == body["id"]
    assert api.get(URL, {"labelled_set": str(labelled.pk)}).json()[0]["id"] == body["id"]
    Adaptation.objects.update(
        status=Status.FAILURE, error_message="The disk is full.", finished_at=timezone.now()
    )
    assert api.get(body["url"]).json()["error_message"] == "The disk is full."
    assert api.post(f"{body['url']}again/").json()["status"] == "PENDING"
    assert api.delete(body["url"]).status_code == 204
    assert api.get(body["url"]).status_code == 404


def test_what_hinders_it_is_said(
    api: APIClient, labelled: LabelledSet, trained_model: TrainedModel, settings: Settings
) -> None:
    sent = {"labelled_set": str(labelled.pk), "model": trained_model.slug}
    assert api.post(URL, {**sent, "coverage": 0.5}, format="json").status_code == 400
    assert api.post(URL, {**sent, "model": "none"}, format="json").status_code == 400
    settings.MAX_MODELS_PER_PERSON = 0
    refused = api.post(URL, sent, format="json")
    assert (refused.status_code, "Delete one" in refused.json()["detail"]) == (409, True)
    settings.MAX_MODELS_PER_PERSON = 1
    labelled.images.update(label="monocyte")
    refused = api.post(URL, sent, format="json")
    assert (refused.status_code, "2 classes" in refused.json()["detail"]) == (409, True)


def test_another_person_is_told_of_nothing(
    labelled: LabelledSet, trained_model: TrainedModel, other_user: User
) -> None:
    adaptation, other = AdaptationFactory.create(labelled_set=labelled), client_of(other_user)
    assert other.get(URL).json() == []
    for answer in (
        other.get(f"{URL}{adaptation.pk}/"),
        other.delete(f"{URL}{adaptation.pk}/"),
        other.post(f"{URL}{adaptation.pk}/use/"),
        other.post(
            URL, {"labelled_set": str(labelled.pk), "model": trained_model.slug}, format="json"
        ),
    ):
        assert answer.status_code == 404


def test_a_model_is_taken_along_and_brought(
    api: APIClient, user: User, other_user: User, settings: Settings
) -> None:
    settings.MIN_FREE_DISK_BYTES = 0
    catalogue.load_bundles()
    answer = api.get("/api/v1/models/breast-compact/package.zip")
    package = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    sent = {"file": SimpleUploadedFile("m.zip", package)}
    brought = api.post("/api/v1/model-imports/", sent)
    assert (brought.status_code, brought.json()["model"]) == (202, None)
    assert ModelImport.objects.get().owner == user
    assert api.get(brought.json()["url"]).json()["status"] == "PENDING"
    assert client_of(other_user).get(brought.json()["url"]).status_code == 404


def test_a_model_that_is_damaged_on_the_disk_is_not_taken_along(
    api: APIClient, trained_model: TrainedModel
) -> None:
    answer = api.get(f"/api/v1/models/{trained_model.slug}/package.zip")
    assert (answer.status_code, "damaged" in answer.json()["detail"]) == (409, True)
