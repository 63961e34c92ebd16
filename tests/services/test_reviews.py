"""What people say of the model's answers: nothing is overwritten, everything can be taken back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from classifier.models import Batch, Prediction, PredictionQuerySet, Review
from classifier.services import permissions, reviews
from tests.factories import BatchFactory, PredictionFactory, ProjectFactory, TrainedModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(user: User) -> Batch:
    batch = BatchFactory.create(owner=user)
    PredictionFactory.create_batch(
        3,
        image__owner=user,
        batch=batch,
        trained_model=TrainedModelFactory.create(),
        succeeded=True,
    )
    return batch


def all_of(batch: Batch) -> PredictionQuerySet:
    return Prediction.objects.filter(batch=batch)


def one_of(batch: Batch) -> PredictionQuerySet:
    return all_of(batch).filter(pk=all_of(batch).in_order()[0].pk)


def held(batch: Batch) -> list[str]:
    """What holds of each image; checks that the repeated columns tell the truth."""
    for row in all_of(batch):
        last = row.reviews.filter(assignment=None).last()
        assert (row.reviewed_label, row.note) == ((last.label, last.note) if last else ("", ""))
        assert row.predicted_label == ("neutrophil" if row.is_finished else "")
    return list(all_of(batch).in_order().values_list("reviewed_label", flat=True))


def test_a_correction_keeps_the_answer_of_the_model_and_says_who(user: User, batch: Batch) -> None:
    step = reviews.review(reader=user, predictions=one_of(batch), label="monocyte", note="big")
    [changed] = step.predictions
    assert (changed.predicted_label, changed.reviewed_label) == ("neutrophil", "monocyte")
    assert (changed.review_state, changed.gallery_group) == ("corrected", "monocyte")
    row = Review.objects.get()
    assert (row.reader, row.label, row.note, row.step) == (user, "monocyte", "big", step.id)


def test_a_group_is_confirmed_in_one_step(user: User, batch: Batch) -> None:
    step = reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    assert held(batch) == ["neutrophil"] * 3
    assert {row.review_state for row in step.predictions} == {"confirmed"}
    assert set(Review.objects.values_list("step", flat=True)) == {step.id}


def test_every_step_can_be_undone_and_done_again(user: User, batch: Batch) -> None:
    first = one_of(batch)
    reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    reviews.review(reader=user, predictions=first, label="monocyte", note="big")
    reviews.review(reader=user, predictions=first, label="cannot tell")
    states = [
        ["cannot tell", "neutrophil", "neutrophil"],
        ["monocyte", "neutrophil", "neutrophil"],
        ["neutrophil"] * 3,
        [""] * 3,
    ]
    for state in states[1:]:
        reviews.undo(reader=user)
        assert held(batch) == state
    assert reviews.undo(reader=user) == reviews.Step()
    for state in states[-2::-1]:
        reviews.redo(reader=user)
        assert held(batch) == state
    assert reviews.redo(reader=user) == reviews.Step()
    reviews.undo(reader=user)
    assert held(batch) == states[1]
    assert first.get().note == "big"
    # 5 rows of three steps, 5 of their undoing, 5 of doing them again, and one more.
    assert Review.objects.count() == 16


def test_who_goes_on_cannot_redo_what_they_left(user: User, batch: Batch) -> None:
    reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    reviews.undo(reader=user)
    reviews.review(reader=user, predictions=all_of(batch), label="platelet")
    assert reviews.redo(reader=user) == reviews.Step()
    assert held(batch) == ["platelet"] * 3


def test_undo_leaves_what_another_person_said_since(
    user: User, other_user: User, batch: Batch
) -> None:
    batch.project = ProjectFactory.create(owner=user)
    batch.save()
    all_of(batch).update(project=batch.project)
    batch.project.memberships.create(user=other_user, role="reader")
    reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    reviews.review(reader=other_user, predictions=one_of(batch), label="monocyte")
    step = reviews.undo(reader=user)
    assert len(step.predictions) == 2
    assert [row.reviewed_label for row in step.left] == ["monocyte"]
    assert sorted(held(batch)) == ["", "", "monocyte"]


def test_who_overrides_is_told_and_nothing_is_lost(user: User, batch: Batch) -> None:
    looked = timezone.now() - timedelta(seconds=1)
    one = one_of(batch)
    assert reviews.review(reader=user, predictions=one, label="monocyte", seen_at=looked)
    later = reviews.review(reader=user, predictions=one, label="platelet", seen_at=looked)
    assert [each.label for each in later.overridden] == ["monocyte"]
    assert list(Review.objects.values_list("label", flat=True)) == ["monocyte", "platelet"]
    again = reviews.review(reader=user, predictions=one, label="basophil", seen_at=timezone.now())
    assert again.overridden == []


def test_a_note_alone_leaves_the_label(user: User, batch: Batch) -> None:
    reviews.review(reader=user, predictions=one_of(batch), note="blurred")
    [noted] = all_of(batch).exclude(note="")
    assert (noted.review_state, noted.note) == ("unreviewed", "blurred")
    reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    noted.refresh_from_db()
    assert (noted.review_state, noted.note) == ("confirmed", "blurred")


@pytest.mark.parametrize("label", ["house", "", "Neutrophil"])
def test_only_classes_and_the_words_beside_them_are_labels(
    user: User, batch: Batch, label: str
) -> None:
    with pytest.raises(reviews.ReviewRefused, match="none of these; cannot tell"):
        reviews.review(reader=user, predictions=all_of(batch), label=label)
    assert not Review.objects.exists()


def test_what_has_no_result_is_not_reviewed(user: User, batch: Batch) -> None:
    PredictionFactory.create(batch=batch, image__owner=user)
    with pytest.raises(reviews.ReviewRefused, match="have none"):
        reviews.review(reader=user, predictions=all_of(batch), label="monocyte")
    assert held(batch) == [""] * 4


def test_a_signed_batch_is_locked(user: User, batch: Batch) -> None:
    reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    Batch.objects.update(signed_at=timezone.now(), signed_by=user)
    with pytest.raises(reviews.Locked):
        reviews.review(reader=user, predictions=one_of(batch), label="monocyte")
    with pytest.raises(reviews.Locked):
        reviews.undo(reader=user)
    assert held(batch) == ["neutrophil"] * 3


@pytest.mark.parametrize("role", ["viewer", None])
def test_who_may_only_look_does_not_review(
    other_user: User, batch: Batch, role: str | None
) -> None:
    project = ProjectFactory.create(owner=batch.owner)
    all_of(batch).update(project=project)
    if role:
        project.memberships.create(user=other_user, role=role)
    with pytest.raises(permissions.NotAllowed):
        reviews.review(reader=other_user, predictions=all_of(batch), confirm=True)


def test_a_step_costs_as_much_for_many_images_as_for_few(
    user: User, batch: Batch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    # A savepoint, keys, batches, rows, the step, what holds, what is given back.
    with django_assert_max_num_queries(10):
        reviews.review(reader=user, predictions=all_of(batch), confirm=True)
    with django_assert_max_num_queries(12):
        reviews.undo(reader=user)


def test_what_a_removed_person_said_stays(user: User, other_user: User, batch: Batch) -> None:
    Review.objects.create(prediction=all_of(batch)[0], reader=other_user, label="monocyte")
    other_user.delete()
    assert Review.objects.get().label == "monocyte"
