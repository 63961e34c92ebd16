"""What is deleted can be taken back for a while, and then goes for good."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from classifier import tasks
from classifier.models import Batch, Prediction
from classifier.services import permissions, reviews, trash
from tests.factories import BatchFactory, PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(user: User) -> Batch:
    batch = BatchFactory.create(owner=user)
    PredictionFactory.create(batch=batch, image__owner=user, succeeded=True)
    PredictionFactory.create(batch=batch, image__owner=user)
    return batch


def stored_files(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_what_is_deleted_is_out_of_sight_and_comes_back(
    user: User, batch: Batch, settings: Settings
) -> None:
    files = stored_files(settings)
    trash.trash_batch(person=user, batch=batch)
    assert not Prediction.objects.visible_to(user).exists()
    assert not Prediction.objects.owned_by(user).exists()
    assert not Batch.objects.visible_to(user).exists()
    assert Prediction.objects.in_trash_of(user).count() == 2
    assert trash.restore(owner=user, predictions=Prediction.objects.all()) == 2
    assert Prediction.objects.owned_by(user).count() == 2
    assert Batch.objects.visible_to(user).get() == batch
    assert stored_files(settings) == files


def test_what_waited_runs_once_it_is_back(
    user: User,
    batch: Batch,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(tasks.run_predictions, "delay", rung.append)
    trash.trash_batch(person=user, batch=batch)
    assert Prediction.objects.next_model("task") is None
    with django_capture_on_commit_callbacks(execute=True):
        trash.restore(owner=user, predictions=Prediction.objects.all())
    assert Prediction.objects.next_model("task")
    assert len(rung) == 1


def test_after_its_days_it_goes_with_its_files(
    user: User,
    batch: Batch,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.TRASH_DAYS = 30
    kept = PredictionFactory.create(image__owner=user, succeeded=True)
    trash.trash_batch(person=user, batch=batch)
    tasks.sweep()
    assert Prediction.objects.count() == 3
    long_ago = timezone.now() - timedelta(days=31)
    Prediction.objects.filter(batch=batch).update(deleted_at=long_ago)
    Batch.objects.update(deleted_at=long_ago)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert Prediction.objects.get() == kept
    assert not Batch.objects.exists()
    assert {path.stem for path in stored_files(settings)} == {str(kept.image_id)}


def test_an_image_stays_while_another_result_uses_it(user: User) -> None:
    first = PredictionFactory.create(image__owner=user, deleted_at=timezone.now())
    second = PredictionFactory.create(image=first.image)
    assert trash.empty(owner=user) == 1
    assert Prediction.objects.get() == second


def test_nobody_empties_or_restores_the_trash_of_another(user: User, other_user: User) -> None:
    PredictionFactory.create(image__owner=user, deleted_at=timezone.now())
    assert trash.empty(owner=other_user) == 0
    assert trash.restore(owner=other_user, predictions=Prediction.objects.all()) == 0
    assert Prediction.objects.in_trash_of(user).count() == 1


def test_a_signed_batch_is_not_deleted(user: User, batch: Batch) -> None:
    Batch.objects.update(signed_at=timezone.now())
    batch.refresh_from_db()
    with pytest.raises(reviews.Locked):
        trash.trash_batch(person=user, batch=batch)
    with pytest.raises(reviews.Locked):
        trash.trash_predictions(person=user, predictions=Prediction.objects.all())
    assert Prediction.objects.kept().count() == 2


def test_only_owners_delete(user: User, other_user: User, batch: Batch, staff: User) -> None:
    with pytest.raises(permissions.NotAllowed):
        trash.trash_predictions(person=other_user, predictions=Prediction.objects.all())
    assert trash.trash_predictions(person=staff, predictions=Prediction.objects.all()) == 2


def test_what_lies_there_takes_up_no_turn_and_no_limit(
    user: User, other_user: User, batch: Batch
) -> None:
    Prediction.objects.filter(status="PENDING").update(turn=40)
    trash.trash_batch(person=user, batch=batch)
    assert not Prediction.objects.unfinished_of(user).exists()
    assert Prediction.objects.next_turn(user) == Prediction.objects.next_turn(other_user) == 0
    assert Prediction.objects.progress([batch])[batch.pk].total == 0
    waiting = PredictionFactory.create(image__owner=other_user, turn=50)
    assert waiting.queue_position == 1
