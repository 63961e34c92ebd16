"""Blind reading: what the model said stays hidden, and what readers say is compared afterwards."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from classifier.models import Assignment, Batch, Prediction, Review, TrainedModel
from classifier.services import readings
from tests.factories import BatchFactory, PredictionFactory, TrainedModelFactory, UserFactory

SAID = "an unlikely class of the model"


@pytest.fixture
def batch(user: User, model: TrainedModel) -> Batch:
    batch: Batch = BatchFactory.create(owner=user, name="Monday")
    batch.trained_models.add(model)
    for label in ("neutrophil", "monocyte", "lymphocyte"):
        PredictionFactory.create(
            image__owner=user,
            batch=batch,
            trained_model=model,
            succeeded=True,
            predicted_label=label,
        )
    return batch


def give(batch: Batch, reader: User) -> Assignment:
    return readings.assign(person=batch.owner, batch=batch, username=reader.username)


def answer(batch: Batch, reader: User, *labels: str) -> None:
    assignment = give(batch, reader)
    for prediction, label in zip(batch.predictions.in_order(), labels, strict=False):
        readings.answer(reader=reader, assignment=assignment, prediction=prediction, label=label)


def test_a_reader_sees_one_image_after_another_and_nothing_of_the_model(
    client: Client, other_user: User, batch: Batch
) -> None:
    Prediction.objects.update(predicted_label=SAID)
    given = give(batch, other_user)
    client.force_login(other_user)
    assert "Monday" in client.get("/readings/").content.decode()
    address = f"/readings/{given.pk}/"
    for number, prediction in enumerate(batch.predictions.in_order()):
        text = client.get(address).content.decode()
        assert f"{number} of 3 read" in text
        assert f"/images/{prediction.image_id}/image.png" in text
        assert SAID not in text
        assert client.get(f"/images/{prediction.image_id}/image.png").status_code == 200
        client.post(address, {"prediction": str(prediction.pk), "label": "monocyte"})
    text = client.get(address).content.decode()
    assert "You have read all 3 images" in text
    assert SAID not in text
    assert Review.objects.filter(assignment=given, reader=other_user).count() == 3
    assert client.get(f"/batches/{batch.pk}/").status_code == 404
    assert client.get(f"/batches/{batch.pk}/agreement/").status_code == 404
    assert set(Prediction.objects.values_list("reviewed_label", flat=True)) == {""}


def test_an_answer_can_be_changed_and_the_last_one_counts(
    client: Client, other_user: User, batch: Batch
) -> None:
    given = give(batch, other_user)
    first = batch.predictions.in_order()[0]
    client.force_login(other_user)
    address = f"/readings/{given.pk}/"
    client.post(address, {"prediction": str(first.pk), "label": "monocyte", "note": "folded"})
    text = client.get(f"{address}?image={first.pk}").content.decode()
    assert "You said “monocyte”" in text
    assert 'value="folded"' in text
    client.post(address, {"prediction": str(first.pk), "label": "platelet"})
    assert readings.answers(given, [first])[first.pk].label == "platelet"


def test_several_models_answered_but_an_image_is_read_once(
    client: Client, other_user: User, batch: Batch
) -> None:
    other = TrainedModelFactory.create(slug="other")
    for each in list(batch.predictions.all()):
        PredictionFactory.create(image=each.image, batch=batch, trained_model=other, succeeded=True)
    given = give(batch, other_user)
    client.force_login(other_user)
    assert "0 of 3 read" in client.get(f"/readings/{given.pk}/").content.decode()


def test_who_is_done_reads_no_more(client: Client, other_user: User, batch: Batch) -> None:
    given = give(batch, other_user)
    client.force_login(other_user)
    address = f"/readings/{given.pk}/"
    client.post(address, {"end": "1"})
    assert client.get(address).status_code == 404
    assert "Nobody has given you" in client.get("/readings/").content.decode()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"prediction": "nonsense", "label": "monocyte"}, 400),
        ({"prediction": "00000000-0000-0000-0000-000000000000", "label": "monocyte"}, 404),
    ],
)
def test_what_is_no_image_of_the_batch_is_refused(
    client: Client, other_user: User, batch: Batch, form: dict[str, str], status: int
) -> None:
    given = give(batch, other_user)
    client.force_login(other_user)
    assert client.post(f"/readings/{given.pk}/", form).status_code == status


def test_a_label_of_no_class_is_refused_in_words(
    client: Client, other_user: User, batch: Batch
) -> None:
    given = give(batch, other_user)
    client.force_login(other_user)
    form = {"prediction": str(batch.predictions.in_order()[0].pk), "label": "unicorn"}
    answered = client.post(f"/readings/{given.pk}/", form, follow=True)
    assert "Nothing was changed" in answered.content.decode()
    assert not Review.objects.exists()


def test_the_reading_of_somebody_else_is_not_there(
    page: Client, other_user: User, batch: Batch
) -> None:
    assert page.get(f"/readings/{give(batch, other_user).pk}/").status_code == 404


def test_the_owner_gives_a_batch_to_a_reader_and_takes_them_off(
    page: Client, other_user: User, batch: Batch
) -> None:
    address = f"/batches/{batch.pk}/agreement/"
    text = page.post(address, {"reader": other_user.username}, follow=True).content.decode()
    assert "with the model’s answers hidden" in text
    assert "answered 0 of 3" in text
    given = Assignment.objects.get()
    assert "Take off" in text
    page.post(address, {"end": str(given.pk)})
    given.refresh_from_db()
    assert given.ended_at
    nobody = page.post(address, {"reader": "nobody"}, follow=True).content.decode()
    assert "There is no “nobody”" in nobody
    assert page.post(address, {"end": "nonsense"}).status_code == 404


def agreement(page: Client, batch: Batch) -> Any:
    response = page.get(f"/batches/{batch.pk}/agreement/")
    return response.context["found"], response.content.decode()


def test_readers_are_compared_with_each_other_and_with_the_model(
    page: Client, other_user: User, batch: Batch
) -> None:
    third = UserFactory.create()
    answer(batch, other_user, "neutrophil", "monocyte", "lymphocyte")
    answer(batch, third, "neutrophil", "monocyte", "platelet")
    found, text = agreement(page, batch)
    [pair] = found.readers
    assert (pair.agreement.n, pair.agreement.same) == (3, 2)
    assert [each.agreement.same for each in found.models] == [3, 2]
    assert found.alpha.n == 3
    assert "66.7" in text
    assert "Krippendorff’s alpha" in text
    [open_question] = found.to_settle
    assert open_question.said == {other_user.username: "lymphocyte", third.username: "platelet"}


def test_a_disagreement_is_settled_by_a_review(
    page: Client, other_user: User, batch: Batch
) -> None:
    answer(batch, other_user, "neutrophil")
    answer(batch, UserFactory.create(), "monocyte")
    first = batch.predictions.in_order()[0]
    form = {"prediction": str(first.pk), "label": "monocyte"}
    page.post(f"/batches/{batch.pk}/agreement/", form)
    first.refresh_from_db()
    assert (first.predicted_label, first.reviewed_label) == ("neutrophil", "monocyte")


def test_without_answers_there_is_nothing_to_compare(page: Client, batch: Batch) -> None:
    found, text = agreement(page, batch)
    assert not found.answered
    assert "Nobody reads this batch blindly yet" in text


def test_one_reader_alone_is_compared_with_the_model(
    page: Client, other_user: User, batch: Batch
) -> None:
    answer(batch, other_user, "neutrophil")
    found, _ = agreement(page, batch)
    assert found.alpha.value is None
    assert found.models[0].agreement.n == 1
