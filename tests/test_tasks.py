"""Tasks are doorbells: what rings, and what a sweep finds."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from classifier import tasks
from classifier.models import Prediction, Status
from tests.factories import PredictionFactory, TrainedModelFactory

pytestmark = pytest.mark.django_db


def test_a_sweep_rings_once_per_waiting_batch(rung: list[str], settings: Settings) -> None:
    settings.PREDICTION_BATCH_SIZE = 2
    first, second = TrainedModelFactory.create_batch(2)
    PredictionFactory.create_batch(3, trained_model=first)
    PredictionFactory.create(trained_model=second)
    PredictionFactory.create(trained_model=second, succeeded=True)
    tasks.sweep()
    assert sorted(rung) == sorted([first.slug, first.slug, second.slug])


def test_a_sweep_leaves_running_predictions_alone(rung: list[str]) -> None:
    PredictionFactory.create(started=True)
    tasks.sweep()
    assert rung == []


def test_a_sweep_rings_for_each_prediction_that_a_dead_worker_left(
    rung: list[str], settings: Settings
) -> None:
    ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    model = TrainedModelFactory.create()
    PredictionFactory.create_batch(2, trained_model=model, started=True, started_at=ago)
    tasks.sweep()
    assert rung == [model.slug] * 2


def test_a_sweep_gives_up_what_killed_its_worker_each_time(
    rung: list[str], settings: Settings
) -> None:
    ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    attempts = settings.PREDICTION_MAX_ATTEMPTS
    PredictionFactory.create(started=True, started_at=ago, attempts=attempts)
    tasks.sweep()
    ended = Prediction.objects.get()
    assert ended.status == Status.FAILURE
    assert "given up" in ended.error_message
    assert rung == []
