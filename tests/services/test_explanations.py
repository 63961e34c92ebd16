"""Asking for an explanation: who may, for what, and how many."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from classifier import quotas, services, tasks
from classifier.models import Explanation, Method, Prediction, Status, TrainedModel
from classifier.services.explanations import where
from tests.factories import (
    BatchFactory,
    ExplanationFactory,
    PredictionFactory,
    ProjectFactory,
    UserFactory,
    explanation_check,
    map_png,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def prediction(user: User) -> Prediction:
    return PredictionFactory.create(succeeded=True, image__owner=user)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(tasks.run_explanations, "delay", lambda: found.append("map"))
    return found


def explain(prediction: Prediction, person: User | None = None) -> Explanation:
    return services.explain(
        asked_by=person or prediction.owner, prediction=prediction, method=Method.GRAD_CAM
    )


def test_it_is_queued_once_and_the_worker_told_after_the_commit(
    prediction: Prediction,
    rings: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = explain(prediction)
        assert rings == []
    assert explain(prediction) == first
    assert rings == ["map"]
    assert Explanation.objects.get().status == Status.PENDING


def test_what_failed_is_tried_again_and_what_is_there_is_kept(prediction: Prediction) -> None:
    failed = ExplanationFactory.create(prediction=prediction, failed=True, attempts=3)
    again = explain(prediction)
    assert (again.pk, again.status, again.attempts) == (failed.pk, Status.PENDING, 0)
    assert (again.error_message, again.finished_at) == ("", None)
    Explanation.objects.all().delete()
    done = ExplanationFactory.create(prediction=prediction, succeeded=True)
    assert explain(prediction) == done


@pytest.mark.parametrize(
    ("fields", "evaluation", "words"),
    [
        ({}, {"explanations": [explanation_check("occlusion")]}, "no convolutions"),
        ({}, {"explanations": []}, "was not checked"),
        (
            {},
            {"explanations": [explanation_check("grad-cam", difference=(-0.1, 0.2))]},
            "did not pass",
        ),
        ({"version": 2}, {}, "no longer here"),
        ({"is_installed": False}, {}, "no longer here"),
    ],
)
def test_it_is_refused_where_its_map_would_mean_nothing(
    prediction: Prediction, fields: dict[str, Any], evaluation: dict[str, Any], words: str
) -> None:
    measured = prediction.trained_model.evaluation | evaluation
    TrainedModel.objects.update(evaluation=measured, **fields)
    with pytest.raises(services.ExplanationRefused, match=words):
        explain(Prediction.objects.get())
    assert not Explanation.objects.exists()


def test_it_is_refused_before_there_is_a_result(user: User) -> None:
    waiting = PredictionFactory.create(image__owner=user)
    with pytest.raises(services.ExplanationRefused, match="before there is a result"):
        explain(waiting)


def test_an_image_unlike_the_training_data_may_be_explained(user: User) -> None:
    """What the model took for its class says why it is not to be believed."""
    unlike = PredictionFactory.create(out_of_distribution=True, image__owner=user)
    assert explain(unlike).status == Status.PENDING


def test_readers_may_ask_and_viewers_may_not(user: User) -> None:
    project = ProjectFactory.create(owner=user)
    reader, viewer = UserFactory.create(), UserFactory.create()
    project.memberships.create(user=reader, role="reader")
    project.memberships.create(user=viewer, role="viewer")
    batch = BatchFactory.create(owner=user, project=project)
    shared = PredictionFactory.create(succeeded=True, image__owner=user, batch=batch)
    with pytest.raises(services.NotAllowed, match="not have it explained"):
        explain(shared, viewer)
    assert explain(shared, reader).asked_by == reader


def test_each_person_has_a_limit_of_what_waits(
    prediction: Prediction, settings: Settings, other_user: User
) -> None:
    settings.MAX_WAITING_EXPLANATIONS = 1
    ExplanationFactory.create(asked_by=other_user)
    waiting = ExplanationFactory.create(asked_by=prediction.owner)
    with pytest.raises(quotas.QuotaExceeded, match="1 of your explanations wait"):
        explain(prediction)
    assert quotas.used(prediction.owner).waiting_explanations == 1
    waiting.delete()
    assert explain(prediction).turn == 0


def test_whoever_asks_for_many_waits_for_others_between(prediction: Prediction) -> None:
    person = prediction.owner
    ExplanationFactory.create(asked_by=person, turn=0)
    assert explain(prediction).turn == 1


def test_it_goes_with_the_prediction_and_outlives_who_asked(
    prediction: Prediction, other_user: User
) -> None:
    ExplanationFactory.create(prediction=prediction, asked_by=other_user, succeeded=True)
    other_user.delete()
    assert Explanation.objects.get().asked_by is None
    prediction.delete_with_image()
    assert not Explanation.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"succeeded": True, "map": None},
        {"map": b"map"},
        {"failed": True, "error_message": ""},
        {"failed": True, "map": b"map"},
        {"method": "lime"},
    ],
)
def test_the_database_keeps_no_half_of_one(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ExplanationFactory.create(**values)


def test_a_prediction_has_one_of_each_method(prediction: Prediction) -> None:
    ExplanationFactory.create(prediction=prediction)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExplanationFactory.create(prediction=prediction)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"left": 9, "upper": 9}, "Half of it or more lies in the centre."),
        ({"left": 0, "upper": 18}, "Half of it or more lies in the lower left."),
        (
            {"left": 4, "upper": 0, "side": 8},
            "Half of it or more lies in the upper left.",
        ),
        ({"side": 27}, "It is spread over the image, with most in the upper left."),
        ({"side": 0}, "It marks nothing"),
    ],
)
def test_where_a_map_lies_is_said_in_words(place: dict[str, int], words: str) -> None:
    assert where(map_png(**place)).startswith(words)
