"""A field of many cells: numbered boxes on its image, each with its answer."""

import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from classifier.models import Batch, ImageUpload, Prediction, TrainedModel
from tests.factories import (
    BatchFactory,
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
    UserFactory,
)

BOXES = ((300, 200, 80), (20, 100, 80), (0, 0, 90))


@pytest.fixture
def batch(user: User, model: TrainedModel) -> Batch:
    batch: Batch = BatchFactory.create(owner=user, crop="cells")
    batch.trained_models.add(model)
    return batch


def add_field(batch: Batch, name: str = "smear.png", **options: object) -> ImageUpload:
    image: ImageUpload = ImageUploadFactory.create(
        owner=batch.owner, original_filename=name, width=720, height=480
    )
    for left, upper, side in BOXES:
        PredictionFactory.create(
            **{"succeeded": True, **options},
            image=image,
            batch=batch,
            trained_model=batch.trained_models.all()[0],
            crop="cells",
            box_left=left,
            box_upper=upper,
            box_side=side,
            box_origin="found",
        )
    return image


def look(page: Client, batch: Batch, **query: object) -> str:
    response = page.get(f"/batches/{batch.pk}/field/", query)
    assert response.status_code == 200
    return response.content.decode()


def test_each_cell_has_a_numbered_box_that_leads_to_its_result(page: Client, batch: Batch) -> None:
    add_field(batch)
    text = look(page, batch)
    assert 'viewBox="0 0 720 480"' in text
    boxes = re.findall(r'<a href="/predictions/([0-9a-f-]+)/" aria-label="Cell (\d)', text)
    found = {str(each.pk): each for each in Prediction.objects.all()}
    # From the top to the bottom, as one reads.
    assert [(found[key].box_upper, number) for key, number in boxes] == [
        (0, "1"), (100, "2"), (200, "3"),
    ]  # fmt: skip
    assert "Neutrophil" in text
    assert "Research use only" in text


def test_a_cell_at_the_border_is_marked(page: Client, batch: Batch) -> None:
    add_field(batch)
    text = look(page, batch)
    assert "3 cells, 1 at the border of the image and perhaps cut off" in text
    assert text.count("is-at-border") == 1


def test_what_a_reader_said_stands_before_what_the_model_did(page: Client, batch: Batch) -> None:
    add_field(batch, reviewed_label="monocyte", reviewed_at=timezone.now())
    assert "<s>neutrophil</s> monocyte" in look(page, batch)


def test_a_field_goes_on_asking_until_all_answers_are_there(page: Client, batch: Batch) -> None:
    add_field(batch, succeeded=False)
    text = look(page, batch)
    assert "3 results still to come" in text
    assert 'hx-trigger="every 1500ms"' in text
    Prediction.objects.all().delete()
    add_field(batch)
    assert "hx-trigger" not in look(page, batch)


def test_fields_of_a_batch_follow_each_other(page: Client, batch: Batch) -> None:
    first, second = add_field(batch, "first.png"), add_field(batch, "second.png")
    text = look(page, batch)
    assert "first.png" in text
    assert f"image={second.pk}" in text
    text = look(page, batch, image=second.pk)
    assert "2 of 2" in text
    assert f"image={first.pk}" in text


def test_with_several_models_each_has_its_own_answers(page: Client, batch: Batch) -> None:
    add_field(batch)
    other = TrainedModelFactory.create(slug="other", title="Other model")
    batch.trained_models.add(other)
    Prediction.objects.filter(box_left=0).update(trained_model=other)
    assert "1 cell," in look(page, batch, model="other")
    assert "2 cells." in look(page, batch, model="blood")


def test_a_batch_without_fields_says_what_to_do(page: Client, batch: Batch) -> None:
    assert "Every cell" in look(page, batch)


@pytest.mark.parametrize("image", ["no-key", str(uuid.UUID(int=7))])
def test_an_unknown_field_is_not_found(page: Client, batch: Batch, image: str) -> None:
    add_field(batch)
    assert page.get(f"/batches/{batch.pk}/field/", {"image": image}).status_code == 404


def test_a_field_is_closed_to_others(client: Client, batch: Batch) -> None:
    add_field(batch)
    client.force_login(UserFactory.create())
    assert client.get(f"/batches/{batch.pk}/field/").status_code == 404


def test_a_result_leads_to_its_field(page: Client, batch: Batch) -> None:
    image = add_field(batch)
    found = Prediction.objects.first()
    assert found
    text = page.get(found.get_absolute_url()).content.decode()
    assert f"/batches/{batch.pk}/field/?image={image.pk}" in text


def test_queries_do_not_grow_with_the_cells(
    page: Client, batch: Batch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        add_field(batch)
    with django_assert_max_num_queries(16):
        look(page, batch)
