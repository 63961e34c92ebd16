"""Tasks are doorbells: what rings, and what a sweep finds."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from classifier import tasks
from classifier.inference import loader, runner
from classifier.models import Prediction, Status, TrainedModel
from medclassifier.celery import app
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


def test_whoever_takes_a_message_that_lies_there_does_what_came_since(
    rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "messages_waiting", lambda: 1)
    assert tasks.ring("blood")
    assert rung == []
    assert tasks.ring("blood", times=3)
    assert rung == ["blood"] * 2


def test_without_a_broker_what_waits_is_left_to_the_sweeper(settings: Settings) -> None:
    assert not tasks.ring("blood")


def test_a_task_that_stops_before_all_is_done_calls_another(
    rung: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PREDICTION_BATCH_SIZE = 2
    monkeypatch.setattr(runner, "TURN", timedelta(0))
    monkeypatch.setattr(loader, "load", unavailable)
    model = TrainedModelFactory.create()
    PredictionFactory.create_batch(3, trained_model=model)
    PredictionFactory.create_batch(3, trained_model=TrainedModelFactory.create())
    while Prediction.objects.unfinished().exists():
        rung.clear()
        tasks.run_predictions.run(model.slug)
        assert rung, "nothing is left without a message while it waits"


def unavailable(trained_model: TrainedModel) -> loader.LoadedModel:
    raise loader.ModelUnavailable


def test_what_waits_for_somebody_elses_server_is_not_queued_with_predictions() -> None:
    def queue(name: str) -> str:
        return str(app.amqp.router.route({}, f"classifier.tasks.{name}")["queue"].name)

    assert {queue(name) for name in ("run_webhooks", "watch", "retain")} == {"housekeeping"}
    assert {queue(name) for name in ("run_predictions", "sweep")} == {"predictions"}
