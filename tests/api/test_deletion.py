"""What a program deletes asks first where models were adapted to its images."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.models import Batch, LabelledSet, Prediction, Status
from tests.factories import (
    AdaptationFactory,
    BatchFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    PredictionFactory,
    TrainedModelFactory,
)


@pytest.fixture
def addresses(user: User) -> list[str]:
    """A prediction, its batch and a labelled set with its image, to which a model was adapted."""
    batch = BatchFactory.create(owner=user)
    prediction = PredictionFactory.create(image__owner=user, batch=batch)
    labelled = LabelledSetFactory.create(owner=user)
    LabelledImageFactory.create(labelled_set=labelled, image=prediction.image)
    made = TrainedModelFactory.create(slug="ours", title="Ours", owner=user, is_offered=False)
    adaptation = AdaptationFactory.create(
        labelled_set=labelled, adapted_model=made, model_version=1, result={},
        status=Status.SUCCESS, finished_at=timezone.now(),
    )  # fmt: skip
    adaptation.images.add(prediction.image)
    return [
        f"/api/v1/predictions/{prediction.pk}/",
        f"/api/v1/batches/{batch.pk}/",
        f"/api/v1/labelled-sets/{labelled.pk}/",
    ]


def test_the_model_that_came_of_it_is_named_and_nothing_deleted(
    api: APIClient, addresses: list[str]
) -> None:
    for address in addresses:
        answer = api.delete(address)
        assert answer.status_code == 409
        assert "“Ours” (ours)" in answer.json()["detail"]
        assert api.delete(f"{address}?confirm=perhaps").status_code == 400
    assert Prediction.objects.kept().exists()
    assert Batch.objects.kept().exists()
    assert LabelledSet.objects.exists()


def test_who_confirms_deletes(api: APIClient, addresses: list[str]) -> None:
    for address in addresses:
        assert api.delete(f"{address}?confirm=true").status_code == 204
        assert api.get(address).status_code == 404
