"""Several models about the same images: their agreement, and what they say together."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from classifier.datasets import datasets
from classifier.models import Batch, ImageUpload, Prediction, TrainedModel
from classifier.services import comparison
from tests.factories import (
    BatchFactory,
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
    uncertainty_of,
)

LABELS = datasets()["bloodmnist"].labels


@pytest.fixture
def batch(user: User) -> Batch:
    return BatchFactory.create(owner=user, name="Monday")


@pytest.fixture
def models(db: None) -> list[TrainedModel]:
    """Two whose log loss was measured, and one of which it was not."""
    made = []
    for name in ("Accurate", "Fast", "Plain"):
        model = TrainedModelFactory.create(slug=name.lower(), title=name)
        if name != "Plain":
            model.evaluation["uncertainty"] = uncertainty_of(LABELS)
            model.save()
        made.append(model)
    return made


def answers(
    image: ImageUpload, models: list[TrainedModel], *labels: str, batch: Batch | None = None
) -> None:
    for model, label in zip(models, labels, strict=True):
        PredictionFactory.create(
            image=image,
            trained_model=model,
            batch=batch,
            succeeded=True,
            predicted_label=label,
            probabilities=[[each, 0.93 if each == label else 0.01] for each in LABELS],
        )


def shown(page: Client, image: ImageUpload) -> str:
    return page.get(f"/compare/?image={image.pk}").content.decode()


def test_models_about_one_image(page: Client, user: User, models: list[TrainedModel]) -> None:
    image = ImageUploadFactory.create(owner=user)
    answers(image, models, "neutrophil", "neutrophil", "monocyte")
    text = shown(page, image)
    assert "2 of 3" in text
    assert "neutrophil, 93.0\xa0%" in text, "the consensus"
    assert "Left out of it, since their log loss was not measured: Plain." in text
    assert "Accurate 50.0\xa0%, Fast 50.0\xa0%" in text, "the weights"
    assert "Research use only" in text


def test_without_two_measured_models_there_is_no_consensus(page: Client, user: User) -> None:
    image = ImageUploadFactory.create(owner=user)
    answers(image, TrainedModelFactory.create_batch(2), "neutrophil", "neutrophil")
    text = shown(page, image)
    assert "All 2 agree" in text
    assert "There is no consensus" in text


def test_other_models_are_asked_as_well(
    page: Client, user: User, models: list[TrainedModel]
) -> None:
    TrainedModelFactory.create(title="Breast model", dataset="breastmnist")
    image = ImageUploadFactory.create(owner=user)
    answers(image, models[:1], "neutrophil")
    text = shown(page, image)
    assert "Ask other models as well" in text
    assert "Breast model" not in text
    url = f"/compare/?image={image.pk}"
    text = page.post(url, {"model": ["fast", "plain"]}, follow=True).content.decode()
    assert "1 image is run through Fast now." in text
    assert "2 answers still to come" in text
    assert Prediction.objects.filter(image=image, status="PENDING").count() == 2
    assert "No model was chosen" in page.post(url, follow=True).content.decode()


def test_images_on_which_models_differ_come_first(
    page: Client,
    user: User,
    batch: Batch,
    models: list[TrainedModel],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for name, labels in {
        "agreed": ("neutrophil", "neutrophil", "neutrophil"),
        "split": ("neutrophil", "monocyte", "basophil"),
        "agreed-too": ("platelet", "platelet", "platelet"),
    }.items():
        image = ImageUploadFactory.create(owner=user, original_filename=f"{name}.png")
        answers(image, models, *labels, batch=batch)
    # Session, person, batch, newest result, models, further models, answers, unfinished.
    with django_assert_num_queries(8):
        text = page.get(f"/batches/{batch.pk}/compare/").content.decode()
    assert "1 of 3 images are called differently" in text
    assert text.index("split.png") < text.index("agreed.png")


def test_disagreement_counts_what_is_measured(
    user: User, batch: Batch, models: list[TrainedModel]
) -> None:
    for labels in (("neutrophil",) * 3, ("neutrophil", "monocyte", "monocyte")):
        image = ImageUploadFactory.create(owner=user)
        answers(image, models, *labels, batch=batch)
    rows = comparison.compare(batch.predictions.select_related("image"), models).rows
    assert [row.agreement for row in rows] == [2, 3]
    assert rows[0].disagreement > rows[1].disagreement == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("query", ["", "image=x", "image=0b8fa3a2-6a4d-4ab4-a7f8-8f5a2f9b4c11"])
def test_no_image_no_page(page: Client, query: str) -> None:
    assert page.get(f"/compare/?{query}").status_code == 404


def test_images_of_others_are_not_there(
    client: Client, other_user: User, user: User, models: list[TrainedModel]
) -> None:
    image = ImageUploadFactory.create(owner=user)
    answers(image, models, "neutrophil", "neutrophil", "neutrophil")
    client.force_login(other_user)
    assert client.get(f"/compare/?image={image.pk}").status_code == 404
    assert client.post(f"/compare/?image={image.pk}", {"model": "fast"}).status_code == 404


def test_a_model_asked_later_has_its_own_answers_in_the_gallery(
    page: Client, user: User, batch: Batch, models: list[TrainedModel]
) -> None:
    batch.trained_models.add(models[0])
    image = ImageUploadFactory.create(owner=user)
    answers(image, models[:1], "neutrophil", batch=batch)
    page.post(f"/batches/{batch.pk}/compare/", {"model": ["fast"]})
    Prediction.objects.filter(trained_model__slug="fast").update(
        status="SUCCESS", predicted_label="monocyte", confidence=0.8, probabilities=[]
    )
    for model in models[:2]:
        text = page.get(f"/batches/{batch.pk}/?model={model.slug}").content.decode()
        assert "<span data-total>1</span>" in text
