"""The request side: what is stored, what is queued, what is deleted."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from kombu.exceptions import OperationalError
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from classifier import services, tasks
from classifier.models import ImageUpload, Prediction, Status, TrainedModel
from classifier.preprocessing import Crop
from classifier.services import Look, queueing
from classifier.uploads.images import UploadedPicture, read_image
from tests.factories import PredictionFactory, TrainedModelFactory, png

pytestmark = pytest.mark.django_db

Commit = DjangoCaptureOnCommitCallbacks


@pytest.fixture
def trained_model() -> TrainedModel:
    return TrainedModelFactory.create()


@pytest.fixture
def picture() -> UploadedPicture:
    data = png(40, 30)
    return read_image(
        io.BytesIO(data), filename="cell.png", size=len(data), max_bytes=10**6, max_pixels=10**6
    )


def stored_files(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_submitting_stores_the_image_and_queues_one_prediction_per_model(
    user: User,
    picture: UploadedPicture,
    rung: list[str],
    django_capture_on_commit_callbacks: Commit,
) -> None:
    models = TrainedModelFactory.create_batch(2)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        predictions = services.submit_predictions(
            owner=user, picture=picture, trained_models=models, look=Look(Crop.NONE)
        )
    assert len(callbacks) == 2
    assert rung == [model.slug for model in models]
    assert [prediction.status for prediction in predictions] == [Status.PENDING] * 2
    image = ImageUpload.objects.get()
    assert (image.owner, image.width, image.height, image.format) == (user, 40, 30, "PNG")
    assert {prediction.crop for prediction in image.predictions.all()} == {"none"}
    assert Image.open(image.file).size == (40, 30)


@pytest.mark.parametrize(("side", "shown", "files"), [(512, 512, 1), (513, 96, 2)])
def test_a_small_image_is_its_own_thumbnail(
    user: User,
    trained_model: TrainedModel,
    settings: Settings,
    side: int,
    shown: int,
    files: int,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    data = png(side, 512)
    picture = read_image(
        io.BytesIO(data), filename="cell.png", size=len(data), max_bytes=10**6, max_pixels=10**6
    )
    [prediction] = services.submit_predictions(
        owner=user, picture=picture, trained_models=[trained_model]
    )
    assert Image.open(prediction.image.thumbnail).width == shown
    assert len(stored_files(settings)) == files
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_prediction(prediction=prediction)
    assert stored_files(settings) == []


def test_nothing_is_queued_before_the_commit(
    user: User, picture: UploadedPicture, trained_model: TrainedModel, rung: list[str]
) -> None:
    services.submit_predictions(owner=user, picture=picture, trained_models=[trained_model])
    assert rung == []


def test_a_failed_submission_leaves_neither_row_nor_file(
    user: User,
    picture: UploadedPicture,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(Prediction.objects, "bulk_create", fail)
    with pytest.raises(RuntimeError):
        services.submit_predictions(
            owner=user, picture=picture, trained_models=[TrainedModelFactory.create()]
        )
    assert not ImageUpload.objects.exists()
    assert stored_files(settings) == []


def test_a_broker_that_is_down_keeps_the_prediction_queued(
    user: User,
    picture: UploadedPicture,
    trained_model: TrainedModel,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    def refuse(slug: str) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.run_predictions, "delay", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        services.submit_predictions(owner=user, picture=picture, trained_models=[trained_model])
    assert Prediction.objects.get().status == Status.PENDING


def test_a_failed_prediction_can_run_again(
    rung: list[str], django_capture_on_commit_callbacks: Commit
) -> None:
    prediction = PredictionFactory.create(failed=True)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.requeue(prediction=prediction)
    prediction.refresh_from_db()
    assert (prediction.status, prediction.attempts) == (Status.PENDING, 0)
    assert prediction.error_message == ""
    assert rung == [prediction.trained_model.slug]


@pytest.mark.parametrize("state", ["started", "succeeded"])
def test_what_has_not_failed_is_not_run_again(state: str, rung: list[str]) -> None:
    prediction = PredictionFactory.create(**{state: True})
    assert not services.requeue(prediction=prediction)
    assert Prediction.objects.get().status == prediction.status


def test_deleting_the_last_prediction_of_an_image_deletes_its_files(
    settings: Settings, django_capture_on_commit_callbacks: Commit
) -> None:
    first = PredictionFactory.create()
    second = PredictionFactory.create(image=first.image)
    delete: Callable[..., None] = services.delete_prediction
    with django_capture_on_commit_callbacks(execute=True):
        delete(prediction=first)
    assert ImageUpload.objects.count() == 1
    assert len(stored_files(settings)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        delete(prediction=second)
    assert not ImageUpload.objects.exists()
    assert stored_files(settings) == []


def test_a_full_disk_is_said_and_leaves_nothing(
    user: User,
    picture: UploadedPicture,
    trained_model: TrainedModel,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    def cut_off(self: FileSystemStorage, name: str, content: Any) -> str:
        Path(self.path(name)).parent.mkdir(parents=True, exist_ok=True)
        Path(self.path(name)).write_bytes(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", cut_off)
    with pytest.raises(services.StorageFailed, match="nothing was kept"):
        services.submit_predictions(owner=user, picture=picture, trained_models=[trained_model])
    assert not ImageUpload.objects.exists()
    assert stored_files(settings) == []


def test_a_file_that_cannot_be_removed_does_not_stop_the_deletion_of_the_other(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    prediction = PredictionFactory.create()
    stuck = prediction.image.file.name
    delete = FileSystemStorage.delete

    def refuse(self: FileSystemStorage, name: str) -> None:
        if name == stuck:
            raise PermissionError(name)
        delete(self, name)

    monkeypatch.setattr(FileSystemStorage, "delete", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_prediction(prediction=prediction)
    assert not ImageUpload.objects.exists()
    assert [path.name for path in stored_files(settings)] == [Path(stuck).name]


def test_deleting_twice_is_deleting_once() -> None:
    prediction = PredictionFactory.create()
    again = Prediction.objects.get(pk=prediction.pk)
    services.delete_prediction(prediction=prediction)
    services.delete_prediction(prediction=again)
    assert not Prediction.objects.exists()


def test_a_single_image_passes_five_thousand_of_another_person(
    user: User, other_user: User, trained_model: TrainedModel, settings: Settings
) -> None:
    many = PredictionFactory.create(image__owner=user, succeeded=True).image
    single = PredictionFactory.create(image__owner=other_user, succeeded=True).image
    slow_model = TrainedModelFactory.create()
    for model in [trained_model] * 3 + [slow_model] * 2:
        queueing.queue(owner=user, images=[many] * 1_000, trained_models=[model])
    assert Prediction.objects.claim_batch(trained_model, "first")
    [waiting] = services.queue_predictions(
        owner=other_user, image=single, trained_models=[trained_model]
    )
    assert waiting.queue_position <= 2
    assert Prediction.objects.next_model("second") == trained_model
    claimed = Prediction.objects.claim_batch(trained_model, "second")
    assert waiting in claimed
    assert len(claimed) == settings.PREDICTION_BATCH_SIZE


def test_of_two_people_with_many_images_neither_waits_for_the_other(
    user: User, other_user: User, trained_model: TrainedModel, settings: Settings
) -> None:
    settings.PREDICTION_BATCH_SIZE = 10
    for person in (user, other_user):
        image = PredictionFactory.create(image__owner=person, succeeded=True).image
        queueing.queue(owner=person, images=[image] * 50, trained_models=[trained_model])
    for claim in ("first", "second", "third"):
        claimed = Prediction.objects.claim_batch(trained_model, claim)
        assert sum(each.owner == user for each in claimed) == 5


def test_an_image_that_was_deleted_meanwhile_is_not_queued(trained_model: TrainedModel) -> None:
    image = PredictionFactory.create().image
    ImageUpload.objects.all().delete()
    with pytest.raises(ImageUpload.DoesNotExist):
        services.queue_predictions(owner=image.owner, image=image, trained_models=[trained_model])
