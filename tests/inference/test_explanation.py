"""Maps on real weights: what the worker writes, and how it fails."""

import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from classifier import catalogue, tasks
from classifier.inference import explanation, loader, runner
from classifier.models import Explanation, Method, Prediction, Status, TrainedModel
from classifier.synthetic import samples
from tests.factories import ExplanationFactory, ImageUploadFactory, PredictionFactory

pytestmark = pytest.mark.django_db

# Small, so that the tests are quick.
BLOOD = "blood-dnn-relu"


@pytest.fixture
def prediction() -> Prediction:
    catalogue.load_bundles()
    model = TrainedModel.objects.get(slug=BLOOD)
    drawn = ContentFile(samples.draw("synthetic-neutrophil"), "image.png")
    image = ImageUploadFactory.create(file=drawn, width=360, height=363)
    waiting = PredictionFactory.create(trained_model=model, image=image)
    runner.run_waiting(claim="task")
    return Prediction.objects.get(pk=waiting.pk)


@pytest.mark.parametrize("method", Method)
def test_a_map_lies_over_the_pixels_that_the_model_saw(
    prediction: Prediction, method: Method
) -> None:
    asked = ExplanationFactory.create(prediction=prediction, method=method)
    assert explanation.run_next(claim="task")
    asked.refresh_from_db()
    assert (asked.status, asked.error_message) == (Status.SUCCESS, "")
    with Image.open(io.BytesIO(asked.map)) as picture:
        values = np.asarray(picture)
    assert values.shape == (prediction.trained_model.input_size,) * 2
    assert values.max() == 255
    assert values.min() < 50


def test_nothing_waiting_is_nothing_done(db: None) -> None:
    assert not explanation.run_next(claim="task")


def test_a_map_is_never_of_another_version(prediction: Prediction) -> None:
    asked = ExplanationFactory.create(prediction=prediction)
    Prediction.objects.update(model_version=prediction.model_version + 1)
    explanation.run_next(claim="task")
    asked.refresh_from_db()
    assert (asked.status, asked.map) == (Status.FAILURE, None)
    assert asked.error_message == explanation.UNAVAILABLE


def test_an_unreadable_image_is_named(prediction: Prediction) -> None:
    asked = ExplanationFactory.create(prediction=prediction)
    Path(prediction.image.file.path).unlink()
    explanation.run_next(claim="task")
    asked.refresh_from_db()
    assert asked.error_message == runner.UNREADABLE


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SoftTimeLimitExceeded(), explanation.TOO_LONG),
        (RuntimeError("a secret path"), explanation.UNEXPECTED),
    ],
)
def test_errors_end_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    asked = ExplanationFactory.create()
    monkeypatch.setattr(loader, "load", fail)
    explanation.run_next(claim="task")
    asked.refresh_from_db()
    assert (asked.status, asked.error_message) == (Status.FAILURE, message)


def test_what_a_killed_worker_left_is_taken_up_again(settings: Settings) -> None:
    long_ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    left = ExplanationFactory.create(started=True, started_at=long_ago)
    fresh = ExplanationFactory.create(started=True, claim="other")
    claimed = Explanation.objects.claim_next("task")
    assert claimed is not None
    assert (claimed.pk, claimed.attempts) == (left.pk, 2)
    assert Explanation.objects.claim_next("task") == claimed
    # A message that is delivered again takes up its own.
    assert Explanation.objects.claim_next("other") == fresh


def test_a_map_that_kills_each_worker_is_given_up(settings: Settings) -> None:
    long_ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    tries = settings.PREDICTION_MAX_ATTEMPTS
    left = ExplanationFactory.create(started=True, started_at=long_ago, attempts=tries)
    assert not Explanation.objects.claim_next("task")
    assert explanation.give_up_exhausted() == 1
    left.refresh_from_db()
    assert (left.status, left.error_message) == (Status.FAILURE, explanation.EXHAUSTED)


def test_what_was_taken_over_or_deleted_is_not_written() -> None:
    asked = ExplanationFactory.create(started=True, claim="new")
    late = Explanation.objects.get()
    late.claim = "old"
    Explanation.objects.end_claimed(late, status=Status.FAILURE, error_message="Too late.")
    asked.refresh_from_db()
    assert asked.status == Status.STARTED


def test_nothing_is_made_for_what_lies_in_the_trash() -> None:
    ExplanationFactory.create(prediction__deleted_at=timezone.now())
    assert not Explanation.objects.claim_next("task")
    assert explanation.waiting() == 0


def test_each_person_has_one_in_a_turn(prediction: Prediction) -> None:
    ExplanationFactory.create(turn=1, prediction=prediction)
    other = ExplanationFactory.create(turn=0, prediction=prediction, method=Method.OCCLUSION)
    assert Explanation.objects.claim_next("task") == other


def test_predictions_that_wait_go_first(prediction: Prediction) -> None:
    asked = ExplanationFactory.create(prediction=prediction)
    image, model = prediction.image, prediction.trained_model
    waiting = PredictionFactory.create(trained_model=model, image=image)
    tasks.run_explanations.apply()
    waiting.refresh_from_db()
    asked.refresh_from_db()
    assert (waiting.status, asked.status) == (Status.SUCCESS, Status.SUCCESS)
    assert waiting.finished_at < asked.started_at


def test_the_sweeper_rings_for_maps_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[str] = []
    monkeypatch.setattr(tasks.run_explanations, "delay", lambda: rings.append("map"))
    ExplanationFactory.create()
    ExplanationFactory.create(failed=True)
    tasks.sweep()
    assert rings == ["map"]
