"""The differential count of a batch: reviewed cells as named, the others corrected."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from classifier.models import Batch, Prediction, TrainedModel
from classifier.services import reviews
from classifier.services.differential import BatchDifferential
from tests.factories import BatchFactory, PredictionFactory, TrainedModelFactory


@pytest.fixture
def batch(user: User, model: TrainedModel) -> Batch:
    batch: Batch = BatchFactory.create(owner=user)
    batch.trained_models.add(model)
    return batch


def add(batch: Batch, label: str, count: int, **options: Any) -> None:
    options.setdefault("succeeded", True)
    PredictionFactory.create_batch(
        count,
        image__owner=batch.owner,
        batch=batch,
        trained_model=batch.trained_models.all()[0],
        predicted_label=label,
        **options,
    )


def say(batch: Batch, predicted: str, label: str) -> None:
    chosen = Prediction.objects.filter(batch=batch, predicted_label=predicted)
    reviews.review(reader=batch.owner, predictions=chosen, label=label)


def count(page: Client, batch: Batch) -> tuple[BatchDifferential, str]:
    response = page.get(f"/batches/{batch.pk}/differential/")
    assert response.status_code == 200
    return response.context["found"], response.content.decode()


def test_reviewed_cells_count_as_people_named_them(page: Client, batch: Batch) -> None:
    add(batch, "neutrophil", 6)
    add(batch, "monocyte", 3)
    add(batch, "platelet", 1)
    say(batch, "neutrophil", "neutrophil")
    say(batch, "monocyte", "lymphocyte")
    say(batch, "platelet", "platelet")
    found, text = count(page, batch)
    numbers = {each.label: each.number for each in found.count.counted}
    assert (numbers["neutrophil"], numbers["lymphocyte"], numbers["monocyte"]) == (6, 3, 0)
    assert found.count.cells == 9  # platelets are no part of it
    assert "66.7" in text
    assert "133.3" in text  # per 200
    assert "Research use only" in text
    assert "overcorrects" not in text


def test_unreviewed_cells_are_corrected_and_the_source_is_named(page: Client, batch: Batch) -> None:
    add(batch, "neutrophil", 20)
    found, text = count(page, batch)
    assert (found.count.reviewed, found.count.unreviewed) == (0, 20)
    assert "Grassia and Sundberg 1982" in text
    assert "measured on 100 test images of BloodMNIST" in text


def test_a_mixed_count_warns_of_a_choice_by_certainty(page: Client, batch: Batch) -> None:
    add(batch, "neutrophil", 5)
    add(batch, "monocyte", 5)
    say(batch, "monocyte", "monocyte")
    assert "overcorrects" in count(page, batch)[1]


def test_what_is_no_class_or_unlike_the_training_data_is_left_out_and_told(
    page: Client, batch: Batch
) -> None:
    add(batch, "neutrophil", 5)
    add(batch, "neutrophil", 2, out_of_distribution=True)
    add(batch, "monocyte", 3)
    say(batch, "monocyte", "none of these")
    found, text = count(page, batch)
    assert (found.unlike, found.named_otherwise) == (2, 3)
    assert found.count.unreviewed == 5
    assert "3 that a reader called" in text
    assert "2 unreviewed, unlike the training data" in text


def test_answers_of_an_earlier_version_are_not_corrected_by_the_matrix_of_this_one(
    page: Client, batch: Batch
) -> None:
    add(batch, "neutrophil", 5, model_version=7)
    found, text = count(page, batch)
    assert (found.count.unreviewed, found.not_counted) == (0, 5)
    assert "5 unreviewed cells are left out" in text


def test_a_model_that_was_not_measured_corrects_nothing(page: Client, batch: Batch) -> None:
    TrainedModel.objects.update(evaluation=None)
    add(batch, "neutrophil", 5)
    found, text = count(page, batch)
    assert found.count.unreviewed == 0
    assert "confusion matrix" in text


def test_there_is_no_count_of_what_is_no_blood(page: Client, user: User) -> None:
    scans: Batch = BatchFactory.create(owner=user)
    scans.trained_models.add(TrainedModelFactory.create(dataset="breastmnist", channels=1))
    assert page.get(f"/batches/{scans.pk}/differential/").status_code == 404
    assert "Differential" not in page.get(f"/batches/{scans.pk}/").content.decode()


def test_an_empty_batch_has_an_empty_count(page: Client, batch: Batch) -> None:
    assert count(page, batch)[0].count.cells == 0
