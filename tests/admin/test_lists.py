"""What an administrator can see and do, and what stays as it is."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from classifier import tasks
from classifier.models import ImageUpload, PersonLimits, Prediction, Review, Status, TrainedModel
from tests.factories import BatchFactory, PredictionFactory, TrainedModelFactory

pytestmark = pytest.mark.django_db

OWN_MODELS = list(apps.get_app_config("classifier").get_models())


def test_every_model_of_the_database_is_listed() -> None:
    assert set(OWN_MODELS) <= set(admin.site._registry)


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_lists_open_and_search(admin_pages: Client, model: type) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    address = reverse(f"admin:classifier_{model._meta.model_name}_changelist")
    assert admin_pages.get(address).status_code == 200
    assert admin_pages.get(address, {"q": prediction.image.owner.username}).status_code == 200


@pytest.mark.parametrize("model", [*OWN_MODELS, User], ids=lambda model: model.__name__)
def test_a_nul_in_a_filter_is_refused(admin_pages: Client, model: type[Model]) -> None:
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    for name in ("q", "predicted_label", "status__exact", "username", "pk__in"):
        assert admin_pages.get(address, {name: "a\0"}).status_code == 400


def test_a_result_can_be_looked_at_but_not_changed(admin_pages: Client) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    address = reverse("admin:classifier_prediction_change", args=[prediction.pk])
    assert admin_pages.get(address).status_code == 200
    assert admin_pages.post(address, {"predicted_label": "monocyte"}).status_code == 403
    prediction.refresh_from_db()
    assert prediction.predicted_label == "neutrophil"


@pytest.mark.parametrize("name", ["prediction", "imageupload", "trainedmodel", "apitoken", "batch"])
def test_nothing_is_added_by_hand(admin_pages: Client, name: str) -> None:
    assert admin_pages.get(reverse(f"admin:classifier_{name}_add")).status_code == 403


def test_a_model_can_be_switched_off_and_nothing_else(admin_pages: Client) -> None:
    model = TrainedModelFactory.create()
    address = reverse("admin:classifier_trainedmodel_change", args=[model.pk])
    answer = admin_pages.post(address, {"title": "Better than it is"})
    assert answer.status_code == 302
    changed = TrainedModel.objects.get()
    assert (changed.is_active, changed.title) == (False, model.title)


def test_models_stand_with_what_was_measured(admin_pages: Client) -> None:
    TrainedModelFactory.create(dataset="breastmnist", channels=1)
    TrainedModelFactory.create(evaluation=None)
    text = admin_pages.get(reverse("admin:classifier_trainedmodel_changelist")).content.decode()
    assert "0.9000 (0.8300–0.9400), n = 100" in text
    assert "malignant: 0.9000, 0.9500" in text


def test_failed_predictions_are_queued_again(
    admin_pages: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.run_predictions, "delay", lambda slug: None)
    failed = PredictionFactory.create(failed=True)
    done = PredictionFactory.create(succeeded=True)
    address = reverse("admin:classifier_prediction_changelist")
    chosen = {"action": "run_again", "_selected_action": [failed.pk, done.pk]}
    answer = admin_pages.post(address, chosen, follow=True)
    assert "1 predictions were queued again" in answer.content.decode()
    assert Prediction.objects.get(pk=failed.pk).status == Status.PENDING


def test_deleting_predictions_takes_their_images_along(admin_pages: Client) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    address = reverse("admin:classifier_prediction_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [prediction.pk], "post": "yes"}
    admin_pages.post(address, chosen)
    assert not Prediction.objects.exists()
    assert not ImageUpload.objects.exists()


def test_the_admin_is_closed_to_others(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get(reverse("admin:index")).status_code in {302, 403}


LISTS = ["classifier_prediction", "classifier_batch", "classifier_imageupload", "auth_user"]


@pytest.mark.parametrize("name", LISTS)
def test_a_longer_list_takes_no_more_queries(admin_pages: Client, name: str) -> None:
    address = reverse(f"admin:{name}_changelist")

    def queries() -> int:
        PredictionFactory.create(succeeded=True, batch=BatchFactory.create())
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert admin_pages.get(address).status_code == 200
        return len(captured)

    queries()
    assert queries() == queries() <= 14


@pytest.mark.parametrize("query", ["id", "name", "file"])
def test_a_prediction_is_found_by_what_an_administrator_knows(
    admin_pages: Client, query: str
) -> None:
    wanted = PredictionFactory.create(succeeded=True)
    other = PredictionFactory.create(succeeded=True)
    wanted.image.original_filename = "smear-7.png"
    wanted.image.save()
    known = {"id": str(wanted.pk), "name": wanted.owner.username, "file": "smear"}
    page = admin_pages.get(
        reverse("admin:classifier_prediction_changelist"), {"q": known[query]}
    ).content.decode()
    assert str(wanted.pk) in page
    assert str(other.pk) not in page


def test_the_trash_is_a_list_of_its_own_from_which_rows_come_back(admin_pages: Client) -> None:
    kept = PredictionFactory.create(succeeded=True)
    thrown = PredictionFactory.create(succeeded=True, deleted_at=timezone.now())
    address = reverse("admin:classifier_prediction_changelist")
    everything, trash = (
        admin_pages.get(address, query).content.decode() for query in ({}, {"trash": "yes"})
    )
    assert str(kept.pk) in everything
    assert str(thrown.pk) not in everything
    assert str(thrown.pk) in trash
    assert str(kept.pk) not in trash
    chosen = {"action": "take_back", "_selected_action": [thrown.pk]}
    admin_pages.post(f"{address}?trash=yes", chosen)
    assert Prediction.objects.kept().count() == 2


def test_flagged_answers_are_listed_together(admin_pages: Client) -> None:
    unlike = PredictionFactory.create(succeeded=True, in_distribution=False, prediction_set=["a"])
    sure = PredictionFactory.create(succeeded=True, in_distribution=True, prediction_set=["a"])
    address = reverse("admin:classifier_prediction_changelist")
    page = admin_pages.get(address, {"certainty": "flagged"}).content.decode()
    assert str(unlike.pk) in page
    assert str(sure.pk) not in page


def test_a_person_is_deleted_with_everything_after_the_counts_are_shown(
    admin_pages: Client, other_user: User
) -> None:
    predictions = PredictionFactory.create_batch(3, succeeded=True, image__owner=other_user)
    Review.objects.create(prediction=predictions[0], reader=other_user, label="monocyte")
    files = [prediction.image.file.path for prediction in predictions]
    address = reverse("admin:auth_user_delete", args=[other_user.pk])
    page = admin_pages.get(address).content.decode()
    assert "3 predictions" in page
    assert "3 image uploads" in page
    assert "1 reviews" in page
    assert admin_pages.post(address, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=other_user.pk).exists()
    assert not Prediction.objects.exists()
    assert not ImageUpload.objects.exists()
    assert len(files) == 3


def test_nobody_deletes_or_deactivates_themselves(admin_pages: Client, staff: User) -> None:
    assert admin_pages.get(reverse("admin:auth_user_delete", args=[staff.pk])).status_code == 403
    chosen = {"action": "deactivate", "_selected_action": [staff.pk]}
    admin_pages.post(reverse("admin:auth_user_changelist"), chosen)
    staff.refresh_from_db()
    assert staff.is_active


def test_people_are_deactivated_and_activated(admin_pages: Client, other_user: User) -> None:
    address = reverse("admin:auth_user_changelist")
    for action, is_active in (("deactivate", False), ("activate", True)):
        admin_pages.post(address, {"action": action, "_selected_action": [other_user.pk]})
        other_user.refresh_from_db()
        assert other_user.is_active is is_active


def test_limits_of_a_person_are_edited_on_their_page(admin_pages: Client, other_user: User) -> None:
    address = reverse("admin:auth_user_change", args=[other_user.pk])
    form = admin_pages.get(address).context["adminform"].form
    sent = {name: value for name, value in form.initial.items() if isinstance(value, str)}
    inline = {
        "limits-TOTAL_FORMS": "1",
        "limits-INITIAL_FORMS": "0",
        "limits-0-user": str(other_user.pk),
        "limits-0-waiting_predictions": "3",
    }
    answer = admin_pages.post(address, {**sent, "is_active": "on", **inline})
    assert answer.status_code == 302
    assert PersonLimits.objects.get(user=other_user).waiting_predictions == 3
