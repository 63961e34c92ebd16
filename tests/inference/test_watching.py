"""A worker takes the reference period, then tests each window once."""

from datetime import timedelta

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.inference import watching
from classifier.models import Alarm, Prediction, TrainedModel, Watch, WatchLook
from classifier.notifications import alarms
from classifier.services import watching as requests
from tests.factories import (
    ImageUploadFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
)

pytestmark = pytest.mark.django_db
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Periods of sixty and windows of fifty are as good as larger ones, and sooner there."""
    monkeypatch.setattr(watching, "REFERENCE", 60)
    monkeypatch.setattr(watching, "WINDOW", 50)


@pytest.fixture
def model() -> TrainedModel:
    return TrainedModelFactory.create()


def answered(
    model: TrainedModel, user: User, n: int, *, label: str = "", shift: float = 0.0
) -> None:
    """Answers a moment ago, in order; of two classes in turn where none is named."""
    image = ImageUploadFactory.create(owner=user)
    started = timezone.now() - timedelta(minutes=5)
    last = Prediction.objects.count()
    rows = PredictionFactory.build_batch(
        n, image=image, owner=user, trained_model=model, succeeded=True, in_distribution=True,
        prediction_set=["neutrophil"],
    )  # fmt: skip
    images = ImageUploadFactory.build_batch(n, owner=user)
    type(image).objects.bulk_create(images)
    for number, (row, own) in enumerate(zip(rows, images, strict=True)):
        row.image = own
        row.created_at = started + timedelta(milliseconds=10 * (last + number))
        row.predicted_label = label or ("neutrophil", "monocyte")[number % 2]
        row.confidence = float(RANDOM.uniform(0.6, 1))
        row.coordinates = watching.kept_coordinates(RANDOM.standard_normal(20) + shift)
    Prediction.objects.bulk_create(rows)


def test_what_is_like_the_reference_raises_no_alarm(model: TrainedModel, user: User) -> None:
    answered(model, user, 59)
    assert watching.look() == 0
    assert Watch.objects.get().reference_until is None
    answered(model, user, 1 + 50)
    assert watching.look() == 1
    look = WatchLook.objects.get()
    assert (look.n, look.is_alarm, set(look.p_values)) == (
        50, False, {"confidence", "classes", "limits", "features"},
    )  # fmt: skip
    assert look.predictions().count() == 50
    # A window is tested once, and the next when it is full.
    answered(model, user, 49)
    assert watching.look() == 0


def test_an_alarm_says_what_changed_until_it_was_seen(model: TrainedModel, user: User) -> None:
    answered(model, user, 60)
    answered(model, user, 50, label="monocyte", shift=1.5)
    assert watching.look() == 1
    look = WatchLook.objects.get()
    changed = {row["figure"] for row in look.changes if row["changed"]}
    assert look.is_alarm
    assert {"classes", "features"} <= changed
    (monocytes,) = [row for row in look.changes if row["of"] == "monocyte"]
    assert (monocytes["then"], monocytes["now"]) == (0.5, 1.0)
    alarms.watch()
    assert model.title in Alarm.objects.get(kind=Alarm.Kind.CHANGE, cleared_at=None).message
    requests.seen(person=user, watch=Watch.objects.get())
    alarms.watch()
    assert not Alarm.objects.filter(kind=Alarm.Kind.CHANGE, cleared_at=None).exists()


def test_a_new_reference_period_begins_with_what_comes(model: TrainedModel, user: User) -> None:
    answered(model, user, 110)
    watching.look()
    requests.begin_anew(person=user, watch=Watch.objects.get())
    assert watching.look() == 0
    assert Watch.objects.get().reference_until is None


def test_a_project_is_watched_apart_from_its_members(model: TrainedModel, user: User) -> None:
    answered(model, user, 2)
    project = ProjectFactory.create(owner=user)
    Prediction.objects.filter(pk=Prediction.objects.first().pk).update(project=project)  # type: ignore[union-attr]
    watching.look()
    assert {(watch.project, watch.owner) for watch in Watch.objects.all()} == {
        (project, None), (None, user),
    }  # fmt: skip


def test_what_still_waits_holds_its_window_open(model: TrainedModel, user: User) -> None:
    waits = PredictionFactory.create(image__owner=user, trained_model=model)
    Prediction.objects.filter(pk=waits.pk).update(created_at=timezone.now() - timedelta(minutes=30))
    answered(model, user, 110)
    assert watching.look() == 0
    Prediction.objects.filter(pk=waits.pk).delete()
    assert watching.look() == 1


def test_with_the_reference_deleted_a_new_one_is_taken(model: TrainedModel, user: User) -> None:
    answered(model, user, 60)
    watching.look()
    Prediction.objects.update(deleted_at=timezone.now())
    answered(model, user, 60)
    assert watching.look() == 0
    assert Watch.objects.get().reference_until is None
    assert watching.look() == 0
    assert Watch.objects.get().reference_until is not None


def test_more_predictions_take_no_more_queries(model: TrainedModel, user: User) -> None:
    counts = []
    for n in (60, 20, 20):
        answered(model, user, n)
        watching.look()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            watching.look()
        counts.append(len(queries))
    assert counts[1] == counts[2] <= 6
