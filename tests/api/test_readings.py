"""Blind reading: what the model said stays hidden until the reader has said something."""

import json

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from classifier.models import Batch, Prediction, TrainedModel
from tests.api.conftest import client_of
from tests.factories import BatchFactory, PredictionFactory, ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(user: User, trained_model: TrainedModel) -> Batch:
    batch = BatchFactory.create(owner=user)
    for _ in range(2):
        PredictionFactory.create(
            image__owner=user, batch=batch, trained_model=trained_model, doubtful=True
        )
    return batch


@pytest.fixture
def reader(other_user: User) -> APIClient:
    return client_of(other_user)


@pytest.fixture
def reading(api: APIClient, batch: Batch, other_user: User) -> str:
    """The address of what the reader was given."""
    address = f"/api/v1/batches/{batch.pk}/assignments/"
    given = api.post(address, {"reader": other_user.username}, format="json")
    again = api.post(address, {"reader": other_user.username}, format="json")
    assert given.status_code == 201
    assert again.json() == given.json() == api.get(address).json()[0]
    return f"/api/v1/readings/{given.json()['id']}/"


def test_the_answer_of_the_model_is_nowhere_before_the_readers_own(
    reader: APIClient, reading: str, batch: Batch
) -> None:
    body = reader.get(reading).json()
    assert [row["answer"] for row in body["results"]] == [None, None]
    shown = json.dumps([{**row, "labels": []} for row in body["results"]])
    assert "neutrophil" not in shown
    assert "0.56" not in shown
    for row in body["results"]:
        assert "none of these" in row["labels"]
        assert reader.get(row["image"]["url"]).status_code == 200
        assert reader.get(f"/api/v1/predictions/{row['id']}/").status_code == 404
        assert reader.get(f"/api/v1/predictions/{row['id']}/reviews/").status_code == 404
    assert reader.get(f"/api/v1/batches/{batch.pk}/").status_code == 404
    assert reader.get(f"/api/v1/batches/{batch.pk}/results.csv").status_code == 404


def test_an_answer_opens_that_of_the_model_and_of_no_other_image(
    reader: APIClient, reading: str, batch: Batch
) -> None:
    first = reader.get(reading).json()["results"][0]["id"]
    answer = reader.post(reading, {"prediction": first, "label": "monocyte"}, format="json").json()
    assert (answer["answer"], answer["predicted_label"]) == ("monocyte", "neutrophil")
    rows = reader.get(reading).json()["results"]
    assert [row["predicted_label"] for row in rows] == ["neutrophil", None]
    # It is one reader's, and not what holds.
    assert set(Prediction.objects.values_list("reviewed_label", flat=True)) == {""}


def test_the_last_of_several_answers_counts_and_all_are_kept(
    reader: APIClient, reading: str
) -> None:
    first = reader.get(reading).json()["results"][0]["id"]
    for label in ("monocyte", "platelet"):
        reader.post(reading, {"prediction": first, "label": label, "note": "?"}, format="json")
    assert reader.get(reading).json()["results"][0]["answer"] == "platelet"
    kept = Prediction.objects.get(pk=first).reviews.values_list("label", flat=True)
    assert list(kept) == ["monocyte", "platelet"]


def test_a_member_of_the_project_does_not_see_it_either(
    reader: APIClient, reading: str, batch: Batch, other_user: User
) -> None:
    project = ProjectFactory.create(owner=batch.owner)
    project.memberships.create(user=other_user, role="reader")
    Batch.objects.update(project=project)
    Prediction.objects.update(project=project)
    [first, _] = reader.get(reading).json()["results"]
    address = f"/api/v1/predictions/{first['id']}/"
    assert reader.get(address).status_code == 404
    listed = reader.get("/api/v1/predictions/", {"project": str(project.pk)}).json()
    assert listed["results"] == []
    exported = reader.get("/api/v1/predictions/export.csv", {"project": str(project.pk)})
    assert b"neutrophil" not in b"".join(exported.streaming_content)
    done = reading.replace("readings", "assignments")
    assert reader.delete(done).status_code == 204
    assert reader.get(address).status_code == 200


def test_who_is_taken_off_meanwhile_is_told_and_their_answers_stay(
    api: APIClient, reader: APIClient, reading: str, batch: Batch
) -> None:
    first = reader.get(reading).json()["results"][0]["id"]
    said = {"prediction": first, "label": "monocyte"}
    assert reader.post(reading, said, format="json").status_code == 200
    assert api.delete(reading.replace("readings", "assignments")).status_code == 204
    assert reader.post(reading, said, format="json").status_code == 404
    assert reader.get("/api/v1/readings/").json() == []
    assert Prediction.objects.get(pk=first).reviews.count() == 1
    [ended] = api.get(f"/api/v1/batches/{batch.pk}/assignments/").json()
    assert ended["ended_at"]


@pytest.mark.parametrize("name", ["nobody", "{owner}"])
def test_a_batch_is_given_to_others_who_exist(api: APIClient, batch: Batch, name: str) -> None:
    chosen = {"reader": name.format(owner=batch.owner.username)}
    address = f"/api/v1/batches/{batch.pk}/assignments/"
    assert api.post(address, chosen, format="json").status_code == 400


@pytest.mark.parametrize("label", ["house", ""])
def test_only_possible_labels_are_answers(reader: APIClient, reading: str, label: str) -> None:
    first = reader.get(reading).json()["results"][0]["id"]
    answer = reader.post(reading, {"prediction": first, "label": label}, format="json")
    assert answer.status_code == 400


def test_what_a_reader_said_outlives_their_account(
    reader: APIClient, reading: str, batch: Batch, api: APIClient, other_user: User
) -> None:
    first = reader.get(reading).json()["results"][0]["id"]
    reader.post(reading, {"prediction": first, "label": "monocyte"}, format="json")
    other_user.delete()
    [kept] = Prediction.objects.get(pk=first).reviews.all()
    assert (kept.reader, kept.label) == (None, "monocyte")
    [given] = api.get(f"/api/v1/batches/{batch.pk}/assignments/").json()
    assert given["reader"] is None
