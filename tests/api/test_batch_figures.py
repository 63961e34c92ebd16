"""A batch in figures, for programs."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from classifier.models import Batch, TrainedModel
from classifier.services import readings
from tests.factories import BatchFactory, PredictionFactory, TrainedModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(user: User, trained_model: TrainedModel) -> Batch:
    batch: Batch = BatchFactory.create(owner=user)
    PredictionFactory.create_batch(
        4, image__owner=user, batch=batch, trained_model=trained_model, succeeded=True
    )
    return batch


def test_the_differential_count_has_intervals_and_the_notice(api: APIClient, batch: Batch) -> None:
    body = api.get(f"/api/v1/batches/{batch.pk}/differential/").json()
    assert (body["model"], body["reviewed"], body["unreviewed"]) == ("blood", 0, 4)
    neutrophils = next(each for each in body["counted"] if each["label"] == "neutrophil")
    low, high = neutrophils["interval"]
    assert 0 <= low < neutrophils["ratio"] <= high <= 1
    assert [each["label"] for each in body["per_hundred"]] == ["erythroblast"]
    assert body["notice"] == "Research use only, not for diagnosis."


def test_agreement_compares_readers_with_the_model(
    api: APIClient, other_user: User, batch: Batch
) -> None:
    given = readings.assign(person=batch.owner, batch=batch, username=other_user.username)
    for prediction in batch.predictions.all():
        readings.answer(
            reader=other_user, assignment=given, prediction=prediction, label="neutrophil"
        )
    body = api.get(f"/api/v1/batches/{batch.pk}/agreement/").json()
    assert body["answered"] == {other_user.username: 4}
    [pair] = body["models"]
    assert (pair["images"], pair["same"], pair["proportion"]) == (4, 4, 1.0)
    assert body["alpha"]["value"] is None
    assert body["alpha"]["reason"]
    assert body["notice"]


@pytest.mark.parametrize("what", ["differential", "agreement"])
def test_the_figures_of_somebody_else_are_not_there(
    api: APIClient, other_user: User, what: str
) -> None:
    theirs = BatchFactory.create(owner=other_user)
    assert api.get(f"/api/v1/batches/{theirs.pk}/{what}/").status_code == 404


def test_what_shows_no_cells_has_no_count(api: APIClient, user: User) -> None:
    scans = BatchFactory.create(owner=user)
    breast = TrainedModelFactory.create(dataset="breastmnist", channels=1)
    PredictionFactory.create(image__owner=user, batch=scans, trained_model=breast, succeeded=True)
    address = f"/api/v1/batches/{scans.pk}/differential/"
    assert api.get(address).status_code == 404
    assert api.get(f"{address}?model=unicorn").status_code == 404
