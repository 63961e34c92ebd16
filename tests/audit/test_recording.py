"""What the audit trail says of what people do, and what it leaves out."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from classifier import audit, services
from classifier.models import ApiToken, AuditEvent, Batch, Prediction, TrainedModel
from tests.factories import (
    PASSWORD,
    BatchFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
    UserFactory,
    png,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained_model() -> TrainedModel:
    return TrainedModelFactory.create()


def events(action: audit.Action) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("pk"))


def only(action: audit.Action) -> AuditEvent:
    [event] = events(action)
    assert event.digest == event.computed_digest()
    return event


def sign_in(client: Client, login: str, password: str) -> Any:
    return client.post("/accounts/login/", {"login": login, "password": password})


def test_a_sign_in_says_who_when_from_where_and_how(client: Client, user: User) -> None:
    answer = sign_in(client, user.username, PASSWORD)
    event = only(audit.Action.SIGNED_IN)
    assert (event.username, event.user_key) == (user.username, user.pk)
    assert (event.address, event.channel) == ("127.0.0.1", "page")
    assert event.request_id == answer["X-Request-ID"]
    client.post("/accounts/logout/")
    assert only(audit.Action.SIGNED_OUT).username == user.username


def test_a_failed_sign_in_names_an_account_but_nothing_else_that_was_typed(
    client: Client, user: User
) -> None:
    sign_in(client, user.username, "wrong horse battery")
    sign_in(client, "my secret password", "oops")
    known, unknown = events(audit.Action.SIGN_IN_FAILED)
    assert known.details == {"username": user.username}
    assert known.subject_key == str(user.pk)
    assert unknown.details == {"username": ""}
    assert "secret" not in str(vars(unknown))


def test_a_program_is_told_apart_from_a_page(user: User) -> None:
    api = APIClient()
    credentials = {"username": user.username, "password": PASSWORD}
    token = api.post("/api/v1/auth/token/", credentials, format="json").json()["token"]
    api.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    for _ in range(3):
        assert api.get("/api/v1/me/").status_code == 200
    made, used = only(audit.Action.TOKEN_MADE), only(audit.Action.TOKEN_USED)
    assert made.channel == used.channel == "api"
    assert used.username == user.username
    assert used.subject_key == str(ApiToken.objects.get().pk)
    assert token not in str(vars(made)) + str(vars(used))


def test_only_looking_at_anothers_image_is_recorded(
    client: Client, user: User, staff: User
) -> None:
    image = PredictionFactory.create(image__owner=user, succeeded=True).image
    for person in (user, staff):
        client.force_login(person)
        assert client.get(f"/images/{image.pk}/image.png").status_code == 200
    event = only(audit.Action.IMAGE_VIEWED)
    assert (event.username, event.subject_key) == (staff.username, str(image.pk))
    assert event.details == {"what": "image", "owner_key": user.pk}


def test_looking_through_the_api_is_recorded_too(user: User, staff: User) -> None:
    image = PredictionFactory.create(image__owner=user, succeeded=True).image
    api = APIClient()
    api.force_authenticate(staff)
    assert api.get(f"/api/v1/images/{image.pk}/").status_code == 200
    event = only(audit.Action.IMAGE_VIEWED)
    assert (event.username, event.channel) == (staff.username, "api")


@pytest.mark.parametrize("are_kept", [False, True])
def test_names_of_files_are_left_out_unless_asked_for(
    user: User, trained_model: TrainedModel, rung: list[str], settings: Settings, are_kept: bool
) -> None:
    settings.AUDIT_FILE_NAMES = are_kept
    api = APIClient()
    api.force_authenticate(user)
    sent = {"image": SimpleUploadedFile("smith-john.png", png()), "model": trained_model.slug}
    answer = api.post("/api/v1/predictions/", sent, format="multipart")
    assert answer.status_code == 202
    event = only(audit.Action.UPLOADED)
    assert event.details["predictions"] == [answer.json()["id"]]
    assert ("smith" in str(event.details)) == are_kept


def test_a_batch_is_followed_from_its_deletion_to_the_end(user: User) -> None:
    batch = BatchFactory.create(owner=user)
    PredictionFactory.create_batch(2, batch=batch, image__owner=user, succeeded=True)
    services.trash_batch(person=user, batch=batch)
    trashed = Prediction.objects.filter(batch=batch)
    services.restore(owner=user, predictions=trashed)
    services.trash_predictions(person=user, predictions=trashed)
    services.trash.empty(owner=user)
    whole, single = events(audit.Action.TRASHED)
    assert (whole.subject_type, whole.details) == ("batch", {"number": 2})
    assert single.details["number"] == len(single.details["keys"]) == 2
    assert only(audit.Action.RESTORED).details["number"] == 2
    assert len(events(audit.Action.ERASED)) == 2


def test_reviews_signing_and_reopening(user: User, staff: User) -> None:
    batch = BatchFactory.create(owner=user)
    prediction = PredictionFactory.create(batch=batch, image__owner=user, succeeded=True)
    chosen = Prediction.objects.filter(pk=prediction.pk)
    services.review(reader=user, predictions=chosen, label="monocyte")
    services.sign(person=user, batch=batch)
    services.reopen(person=staff, batch=Batch.objects.get(), reason="One was overlooked.")
    reviewed = only(audit.Action.REVIEWED)
    assert reviewed.details["keys"] == [str(prediction.pk)]
    assert "monocyte" not in str(reviewed.details)
    assert only(audit.Action.SIGNED_OFF).username == user.username
    assert only(audit.Action.REOPENED).details["reason"] == "One was overlooked."


def test_what_is_undone_leaves_no_event(user: User) -> None:
    batch = BatchFactory.create(owner=user)
    PredictionFactory.create(batch=batch, image__owner=user)
    with pytest.raises(services.BatchRefused):
        services.sign(person=user, batch=batch)
    assert events(audit.Action.SIGNED_OFF) == []


@pytest.mark.parametrize("kind", ["csv", "json", "zip"])
def test_exports_say_what_was_asked_but_not_the_words_searched_for(user: User, kind: str) -> None:
    api = APIClient()
    api.force_authenticate(user)
    answer = api.get(f"/api/v1/predictions/export.{kind}", {"q": "smith-john"})
    b"".join(answer.streaming_content)
    assert only(audit.Action.EXPORTED).details == {"kind": kind, "filters": ["q"]}


def test_members_of_a_project(user: User, other_user: User) -> None:
    project = ProjectFactory.create(owner=user)
    chosen = {"person": user, "project": project, "username": other_user.username}
    services.projects.set_member(**chosen, role=services.projects.Role.READER)
    services.projects.remove_member(**chosen)
    assert [event.details["role"] for event in events(audit.Action.SHARED)] == ["reader", "none"]


def test_rights_and_accounts(user: User) -> None:
    user.is_staff = True
    user.set_password("another horse battery")
    user.save()
    group = Group.objects.create(name="Night shift")
    group.permissions.add(Permission.objects.get(codename="view_batch"))
    user.groups.add(group)
    created, changed = events(audit.Action.ACCOUNT_CHANGED)
    assert created.details["change"] == "created"
    assert changed.details["fields"] == ["password", "is_staff"]
    assert changed.details["values"] == {"is_staff": [False, True]}
    given, joined = events(audit.Action.RIGHTS_CHANGED)
    assert given.details["rights"] == ["view_batch"]
    assert joined.details == {"name": user.username, "change": "add", "rights": ["Night shift"]}


def test_a_model_that_is_switched_off(staff: User, client: Client) -> None:
    model = TrainedModelFactory.create()
    client.force_login(staff)
    client.post(
        f"/admin/classifier/trainedmodel/{model.pk}/change/", {"title": "x", "is_offered": "on"}
    )
    _, changed = events(audit.Action.MODEL_CHANGED)
    assert changed.details["values"] == {"is_active": [True, False]}
    assert (changed.username, changed.channel) == (staff.username, "admin")


def test_limits_are_recorded_when_they_differ_from_the_last_start(settings: Settings) -> None:
    assert [audit.note_limits(), audit.note_limits()] == [True, False]
    settings.TRASH_DAYS = 7
    assert audit.note_limits()
    assert [each.details["TRASH_DAYS"] for each in events(audit.Action.LIMITS_CHANGED)] == [30, 7]


def test_an_event_costs_one_statement(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        audit.record(audit.Action.REVIEWED, person=user)


def test_the_trail_outlives_the_account(user: User) -> None:
    audit.record(audit.Action.REVIEWED, person=user)
    name = user.username
    user.delete()
    assert only(audit.Action.REVIEWED).username == name
    assert audit.verify().problems == ()


def test_administrators_search_and_take_along_but_change_nothing(
    client: Client, staff: User, user: User
) -> None:
    event = audit.record(audit.Action.REVIEWED, person=user, note="=1+1")
    audit.seal()
    client.force_login(staff)
    address = "/admin/classifier/auditevent/"
    assert user.username in client.get(address, {"q": user.username}).content.decode()
    page = f"{address}{event.pk}/"
    assert client.get(f"{page}change/").status_code == 200
    assert client.post(f"{page}change/", {"username": "nobody"}).status_code == 403
    assert client.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "export_csv", "_selected_action": [event.pk]}
    answer = client.post(address, chosen)
    text = b"".join(answer.streaming_content).decode()
    assert event.digest in text
    assert "Research use only, not for diagnosis" in text
    assert only(audit.Action.EXPORTED).username == staff.username


def test_the_trail_is_closed_to_staff_without_the_permission(client: Client) -> None:
    person = UserFactory.create(is_staff=True)
    client.force_login(person)
    assert client.get("/admin/classifier/auditevent/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_auditevent"))
    assert client.get("/admin/classifier/auditevent/").status_code == 200


def test_setting_up_an_installation_records_its_limits(tmp_path: Any, settings: Settings) -> None:
    settings.MODELS_DIR = tmp_path
    settings.VAR_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    call_command("setup")
    assert only(audit.Action.LIMITS_CHANGED).channel == "command"
