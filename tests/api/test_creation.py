"""Creating things: repeats, waiting, several models, limits."""

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from classifier import services
from classifier.idempotency import RepeatableRequest
from classifier.models import (
    Batch,
    IdempotencyKey,
    ImageUpload,
    Prediction,
    Status,
    TrainedModel,
    Usage,
)
from classifier.services import waiting
from classifier.uploads.refusals import UploadRejected
from tests.api.conftest import client_of
from tests.factories import ImageUploadFactory, PredictionFactory, TrainedModelFactory, png
from tests.uploads.readers.test_dicom import dataset, samples, written

pytestmark = pytest.mark.django_db

Create = Callable[..., Any]


def post(api: APIClient, address: str, fields: dict[str, Any]) -> Any:
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    return api.post(address, {"model": "blood", **fields}, headers=headers)


def create_prediction(
    api: APIClient, *, content: bytes = b"", name: str = "cell.png", query: str = "", **sent: Any
) -> Any:
    image = SimpleUploadedFile(name, content or png())
    return post(api, f"/api/v1/predictions/{query}", {"image": image, **sent})


def create_batch(
    api: APIClient, *, content: bytes = b"", name: str = "cell.png", query: str = "", **sent: Any
) -> Any:
    images = [SimpleUploadedFile(name, content or png())]
    return post(api, f"/api/v1/batches/{query}", {"images": images, **sent})


@pytest.fixture(params=[create_prediction, create_batch], ids=["prediction", "batch"])
def create(request: pytest.FixtureRequest, trained_model: TrainedModel) -> Create:
    function: Create = request.param
    return function


def test_a_repeated_creation_gives_the_same_record(api: APIClient, create: Create) -> None:
    first, again = create(api, key="k"), create(api, key="k")
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Location"] == first["Location"]
    assert (Prediction.objects.count(), ImageUpload.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "other", [{"content": png(9, 9)}, {"name": "other.png"}, {"model": "breast"}, {"crop": "none"}]
)
def test_a_key_stands_for_one_request(
    api: APIClient, create: Create, other: dict[str, Any]
) -> None:
    TrainedModelFactory.create(slug="breast")
    create(api, key="k")
    answer = create(api, key="k", **other)
    assert answer.status_code == 409
    assert "Idempotency-Key" in answer.json()["detail"]
    assert Prediction.objects.count() == 1


def test_keys_are_personal_and_optional(api: APIClient, other_user: User, create: Create) -> None:
    create(api, key="k")
    create(client_of(other_user), key="k", content=png(9, 9))
    create(api)
    create(api, key="other")
    assert Prediction.objects.count() == 4


def test_a_key_is_forgotten_after_a_day(api: APIClient, create: Create) -> None:
    create(api, key="k")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert create(api, key="k", content=png(9, 9)).status_code == 202
    assert (Prediction.objects.count(), IdempotencyKey.objects.count()) == (2, 1)


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "schlüssel"])
def test_a_key_is_visible_ascii(api: APIClient, create: Create, key: str) -> None:
    assert create(api, key=key).status_code == 400
    assert not Prediction.objects.exists()


def test_a_refused_creation_leaves_its_key_free(api: APIClient, create: Create) -> None:
    assert create(api, key="k", content=b"text").status_code == 400
    assert create(api, key="k").status_code == 202


def test_of_two_requests_at_once_the_second_gives_what_the_first_stored(
    api: APIClient, create: Create, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The second looks before the first has stored its key, and stores after it."""
    first = create(api, key="k").json()
    look = RepeatableRequest.find
    answers = iter([lambda known: None, look])
    monkeypatch.setattr(RepeatableRequest, "find", lambda self: next(answers)(self))
    assert create(api, key="k").json() == first
    assert (Prediction.objects.count(), ImageUpload.objects.count()) == (1, 1)
    assert len(list(Path(settings.MEDIA_ROOT).rglob("*.png"))) == 1


def test_a_full_disk_is_said_and_leaves_nothing(
    api: APIClient, create: Create, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    answer = create(api, key="k")
    assert answer.status_code == 507
    assert "could not be stored" in answer.json()["detail"]
    assert not IdempotencyKey.objects.exists()


def test_what_was_deleted_is_made_anew(api: APIClient, trained_model: TrainedModel) -> None:
    first = create_prediction(api, key="k").json()
    assert api.delete(first["url"]).status_code == 204
    again = create_prediction(api, key="k")
    assert again.status_code == 202
    assert again.json()["id"] != first["id"]


def test_several_models_give_one_prediction_each(
    api: APIClient, trained_model: TrainedModel
) -> None:
    TrainedModelFactory.create(slug="breast")
    body = create_prediction(api, model=["breast", "blood", "breast"]).json()
    assert [each["model"] for each in body["predictions"]] == ["breast", "blood"]
    assert body["id"] == body["predictions"][0]["id"]
    assert ImageUpload.objects.count() == 1


@pytest.fixture
def quick_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends every prediction while the request sleeps."""

    def finish(seconds: float) -> None:
        for prediction in Prediction.objects.unfinished():
            services.cancel_waiting(batch=prediction.batch) if prediction.batch else (
                Prediction.objects.filter(pk=prediction.pk).update(
                    status=Status.FAILURE, error_message="No.", finished_at=timezone.now()
                )
            )

    monkeypatch.setattr(waiting.time, "sleep", finish)


@pytest.mark.usefixtures("quick_worker")
def test_who_waits_gets_the_result(api: APIClient, create: Create) -> None:
    answer = create(api, query="?wait=30")
    assert answer.status_code == 200
    assert answer["Location"] == answer.json()["url"]
    assert "FAILURE" in answer.content.decode()
    assert '"PENDING"' not in answer.content.decode().replace('"PENDING":0', "")


def test_waiting_ends(api: APIClient, create: Create) -> None:
    assert create(api, query="?wait=1").status_code == 202


@pytest.mark.usefixtures("quick_worker")
def test_some_threads_stay_free_of_waiting(
    api: APIClient, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_waiting", threading.BoundedSemaphore(1))
    with waiting._waiting:
        assert create(api, query="?wait=30").status_code == 202


@pytest.mark.parametrize("wait", ["-1", "31", "soon", "1.5", ""])
def test_a_wait_out_of_bounds_is_refused(api: APIClient, create: Create, wait: str) -> None:
    answer = create(api, query=f"?wait={wait}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["wait"]
    assert not Prediction.objects.exists()


@pytest.mark.usefixtures("trained_model")
def test_an_empty_project_is_refused_rather_than_forgotten(api: APIClient) -> None:
    response = create_batch(api, project="")
    assert response.status_code == 400
    assert response.json()["errors"] == {"project": ["Must be a valid UUID."]}
    assert not Batch.objects.exists()


def test_too_many_requests_a_minute_are_refused(api: APIClient, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    answers = [api.get("/api/v1/me/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert answers[-1]["Content-Type"] == "application/problem+json"


def test_limits_are_personal_and_end_with_their_period(
    api: APIClient, other_user: User, settings: Settings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    api.get("/api/v1/me/")
    assert client_of(other_user).get("/api/v1/me/").status_code == 200
    assert api.get("/api/v1/me/").status_code == 429
    Usage.objects.update(period=1)
    assert api.get("/api/v1/me/").status_code == 200


def test_too_much_waiting_is_refused(
    api: APIClient, user: User, create: Create, settings: Settings
) -> None:
    settings.MAX_WAITING_PREDICTIONS = 1
    assert create(api).status_code == 202
    answer = create(api)
    assert answer.status_code == 429
    assert answer["Retry-After"]
    assert "limit of 1" in answer.json()["detail"]
    Prediction.objects.all().delete()
    PredictionFactory.create(image__owner=user, succeeded=True)
    assert create(api).status_code == 202


def test_too_many_bytes_a_day_are_refused(
    api: APIClient, create: Create, settings: Settings
) -> None:
    settings.MAX_BYTES_PER_DAY = 200  # one such image, but not two
    assert create(api).status_code == 202
    answer = create(api)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 24 * 3600
    assert Batch.objects.count() + Prediction.objects.filter(batch=None).count() == 1


def test_what_is_stored_counts_and_not_what_was_sent(
    api: APIClient, create: Create, settings: Settings
) -> None:
    """A drawing of one colour is small as WebP, and what is kept of it is not."""
    buffer = io.BytesIO()
    Image.effect_noise((300, 300), 80).save(buffer, "WEBP", quality=0)
    assert create(api, content=buffer.getvalue()).status_code == 202
    image = ImageUpload.objects.get()
    files = [image.file.size, image.thumbnail.size]
    assert image.stored_bytes == sum(files) > 2 * image.byte_size
    settings.MAX_STORED_BYTES_PER_PERSON = image.stored_bytes + image.byte_size
    refused = create(api, content=buffer.getvalue())
    assert refused.status_code == 507
    assert "Delete some" in refused.json()["detail"]
    assert ImageUpload.objects.count() == 1
    stored = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(stored) == 2


def test_what_is_stored_by_others_counts_for_them(
    api: APIClient, create: Create, other_user: User, settings: Settings
) -> None:
    ImageUploadFactory.create(owner=other_user, stored_bytes=10**6)
    settings.MAX_STORED_BYTES_PER_PERSON = 10**5
    assert create(api).status_code == 202


def test_a_disk_that_is_nearly_full_takes_nothing_more(
    api: APIClient, create: Create, settings: Settings
) -> None:
    settings.MIN_FREE_DISK_BYTES = 2**62
    answer = create(api)
    assert answer.status_code == 507
    assert "nothing was kept" in answer.json()["detail"]
    assert not ImageUpload.objects.exists()


def test_a_repeat_counts_against_no_limit(
    api: APIClient, create: Create, settings: Settings
) -> None:
    settings.MAX_WAITING_PREDICTIONS = 1
    create(api, key="k")
    assert create(api, key="k").status_code == 202


def test_me_tells_what_is_left(api: APIClient, user: User, create: Create) -> None:
    create(api)
    body = api.get("/api/v1/me/").json()
    assert body["username"] == user.username
    assert body["requests_per_minute"]["used"] == 2
    assert body["waiting_predictions"]["used"] == 1
    stored = ImageUpload.objects.get().stored_bytes
    assert body["bytes_per_day"]["used"] == body["stored_bytes"]["used"] == stored > 0


def test_what_no_waiting_makes_possible_is_refused_for_good(
    api: APIClient, create: Create, settings: Settings
) -> None:
    for limit in ("MAX_WAITING_PREDICTIONS", "MAX_BYTES_PER_DAY"):
        setattr(settings, limit, 0)
        answer = create(api)
        assert answer.status_code == 400
        assert "Retry-After" not in answer
        assert not Usage.objects.filter(kind=Usage.Kind.BYTES).exists()


def test_a_request_cut_short_is_neither_stored_nor_remembered(
    api: APIClient, trained_model: TrainedModel
) -> None:
    images = [SimpleUploadedFile(f"{number}.png", png()) for number in range(3)]
    body = encode_multipart(BOUNDARY, {"model": "blood", "images": images})
    headers = {"Idempotency-Key": "k"}

    def send(sent: bytes) -> int:
        return int(
            api.generic(
                "POST", "/api/v1/batches/", sent, MULTIPART_CONTENT, headers=headers
            ).status_code
        )

    third = body.index(b'filename="2.png"')
    for end in (third, third + 100, len(body) - 8):
        assert send(body[:end]) == 400
        assert not Batch.objects.exists()
    assert send(body) == 202


def test_what_is_deleted_while_it_is_waited_for(
    api: APIClient, trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: Prediction.objects.all().delete())
    answer = create_prediction(api, query="?wait=5")
    assert answer.status_code == 404
    assert "deleted" in answer.json()["detail"]


def test_of_several_images_none_is_dropped_in_silence(
    api: APIClient, trained_model: TrainedModel
) -> None:
    answer = create_prediction(
        api, image=[SimpleUploadedFile("a.png", png()), SimpleUploadedFile("b.png", png())]
    )
    assert answer.status_code == 400
    assert "batch" in answer.json()["errors"]["image"][0]


def test_a_model_is_named_in_text(api: APIClient, create: Create) -> None:
    answer = create(api, model=SimpleUploadedFile("blood", b"x"))
    assert list(answer.json()["errors"]) == ["model"]


def cine_loop() -> tuple[bytes, np.ndarray]:
    frames = np.stack([samples(8), 255 - samples(8)])
    return written(dataset(frames, NumberOfFrames=2, BurnedInAnnotation="YES")), frames


def test_a_frame_of_a_dicom_loop_is_chosen(api: APIClient, trained_model: TrainedModel) -> None:
    content, frames = cine_loop()
    refused = create_prediction(api, content=content)
    assert (refused.status_code, refused.json()["code"]) == (400, "frames")
    beyond = create_prediction(api, content=content, frame=3)
    assert list(beyond.json()["errors"]) == ["frame"]
    image = create_prediction(api, content=content, frame=2).json()["image"]
    assert image["format"] == "DICOM"
    assert "burned into" in image["warnings"][0]
    with Image.open(ImageUpload.objects.get().file) as stored:
        assert np.array_equal(np.asarray(stored), frames[1])


def test_another_frame_is_another_request(api: APIClient, trained_model: TrainedModel) -> None:
    content, _ = cine_loop()
    assert create_prediction(api, content=content, frame=1, key="k").status_code == 202
    assert create_prediction(api, content=content, frame=1, key="k").status_code == 202
    assert create_prediction(api, content=content, frame=2, key="k").status_code == 409
    assert ImageUpload.objects.count() == 1


def test_a_busy_server_keeps_nothing_of_a_batch(
    api: APIClient, create: Create, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def busy(*args: Any, **kwargs: Any) -> None:
        raise UploadRejected("busy")

    monkeypatch.setattr("classifier.uploads.images.decode", busy)
    answer = create(api)
    assert answer.status_code == 503
    assert "in a minute" in answer.json()["detail"]
    assert not Prediction.objects.exists()
