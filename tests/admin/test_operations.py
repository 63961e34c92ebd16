"""Switches of models, bundles loaded again, and work that is queued again."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from classifier import tasks
from classifier.catalogue import load_bundles
from classifier.models import Prediction, Status, TrainedModel
from classifier.services.desk import operations
from tests.factories import PredictionFactory, TrainedModelFactory

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/operations/"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker is here to be asked; a real one is tried in tests/processes."""
    monkeypatch.setattr(operations, "workers", list)


def test_the_page_says_what_waits_by_model(admin_pages: Client) -> None:
    model = TrainedModelFactory.create(title="Slow one")
    PredictionFactory.create_batch(2, trained_model=model)
    PredictionFactory.create(started=True, trained_model=model)
    found = operations.queue()
    assert [(each.model, each.pending, each.running) for each in found] == [(model, 2, 1)]
    page = admin_pages.get(ADDRESS).content.decode()
    assert "No worker answers" in page
    assert "Slow one" in page


def test_failed_and_stuck_predictions_run_again(
    admin_pages: Client,
    rung: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    failed = PredictionFactory.create(failed=True)
    stuck = PredictionFactory.create(
        started=True, attempts=3, started_at=timezone.now() - timedelta(hours=1)
    )
    running = PredictionFactory.create(started=True)
    thrown = PredictionFactory.create(failed=True, deleted_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        admin_pages.post(ADDRESS, {"action": "requeue_failed"})
        admin_pages.post(ADDRESS, {"action": "requeue_stuck"})
    states = dict(Prediction.objects.values_list("pk", "status"))
    assert states[failed.pk] == states[stuck.pk] == Status.PENDING
    assert states[running.pk] == Status.STARTED
    assert states[thrown.pk] == Status.FAILURE
    assert Prediction.objects.get(pk=stuck.pk).attempts == 0
    assert len(rung) == 2


def test_what_one_person_gets_queued_again_stays_in_turns(rung: list[str], user: User) -> None:
    from classifier.services import desk

    PredictionFactory.create_batch(3, failed=True, image__owner=user)
    assert desk.requeue(Prediction.objects.all()) == 3
    assert sorted(Prediction.objects.values_list("turn", flat=True)) == [0, 1, 2]


def test_models_are_switched_off_and_on(admin_pages: Client) -> None:
    model = TrainedModelFactory.create()
    for action, is_active in (("disable", False), ("enable", True)):
        admin_pages.post(ADDRESS, {"action": action, "model": model.slug})
        model.refresh_from_db()
        assert model.is_active is is_active


def test_the_default_of_an_administrator_outlives_loading_the_bundles(admin_pages: Client) -> None:
    load_bundles()
    blood = TrainedModel.objects.filter(dataset="bloodmnist")
    chosen = blood.filter(is_recommended=False)[0]
    admin_pages.post(ADDRESS, {"action": "default", "model": chosen.slug})
    load_bundles()
    assert [model.slug for model in blood.filter(is_recommended=True)] == [chosen.slug]
    assert TrainedModel.objects.filter(dataset="breastmnist", is_recommended=True).count() == 1


def test_loading_bundles_says_what_changed(admin_pages: Client) -> None:
    load_bundles()
    TrainedModel.objects.filter(slug="breast-vgg16").delete()
    TrainedModel.objects.filter(slug="blood-compact").update(is_installed=False)
    gone = TrainedModelFactory.create(slug="gone")
    page = admin_pages.post(ADDRESS, {"action": "sync"}, follow=True).content.decode()
    assert "breast-vgg16 is new" in page
    assert "blood-compact is back" in page
    assert f"{gone.slug} is no longer on disk" in page
    again = admin_pages.post(ADDRESS, {"action": "sync"}, follow=True).content.decode()
    assert "Nothing changed" in again


def test_a_model_is_loaded_before_it_is_asked_for(
    admin_pages: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TrainedModelFactory.create()
    rung: list[str] = []
    monkeypatch.setattr(tasks.load_model, "delay", rung.append)
    page = admin_pages.post(ADDRESS, {"action": "load", "model": model.slug}, follow=True)
    assert "A worker loads" in page.content.decode()
    assert set(rung) == {model.slug}


def test_who_may_only_look_can_do_nothing(client: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    names = ["view_trainedmodel", "view_prediction"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    model = TrainedModelFactory.create()
    assert "Switch off" not in client.get(ADDRESS).content.decode()
    for action in ("disable", "default", "load", "sync", "requeue_failed", "requeue_stuck"):
        answer = client.post(ADDRESS, {"action": action, "model": model.slug})
        assert answer.status_code == 403
    assert client.post(reverse("admin:operations"), {"action": "explode"}).status_code == 404


def test_the_page_says_what_retention_is_about_to_take(
    admin_pages: Client, settings: Settings
) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    PredictionFactory.create(succeeded=True, created_at=long_ago, image__uploaded_at=long_ago)
    page = admin_pages.get(ADDRESS).content.decode()
    assert "Images themselves are kept until somebody deletes them, results likewise" in page
    assert "Nothing is due now." in page
    settings.KEEP_ORIGINALS_DAYS = settings.KEEP_RESULTS_DAYS = 30
    page = admin_pages.get(ADDRESS).content.decode()
    assert "1 image (" in page
    assert "1 result into the trash" in page
