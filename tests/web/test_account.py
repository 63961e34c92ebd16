"""One's own account: sessions, all data as a zip, its end; and invitations to have one."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from classifier import audit
from classifier.models import (
    AuditEvent,
    ImageUpload,
    Invitation,
    LabelledSet,
    Prediction,
    Review,
    Webhook,
)
from classifier.services.roles import give_role
from tests.factories import (
    PASSWORD,
    BatchFactory,
    LabelledImageFactory,
    PredictionFactory,
    UserFactory,
)
from tests.web.conftest import stored_files


@pytest.fixture(autouse=True)
def fresh_limits(settings: Settings) -> Iterator[None]:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    yield
    cache.clear()


def signed_in(person: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.post("/accounts/login/", {"login": person.username, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


# Sessions


def test_one_sees_where_one_is_signed_in_and_ends_it(user: User) -> None:
    here, there = signed_in(user), signed_in(user, user_agent="Old laptop")
    page = here.get("/accounts/sessions/").content.decode()
    assert "Old laptop" in page
    [end] = re.findall(r'action="(/account/sessions/\d+/end/)"', page)
    here.post(end)
    assert there.get("/classify/").status_code == 302
    assert here.get("/classify/").status_code == 200
    event = AuditEvent.objects.filter(action=audit.Action.SIGNED_OUT).first()
    assert event is not None
    assert event.details == {"elsewhere": True}


def test_all_others_are_ended_at_once(user: User) -> None:
    here, *others = (signed_in(user) for _ in range(3))
    here.post("/accounts/sessions/")
    assert [each.get("/classify/").status_code for each in others] == [302, 302]
    assert here.get("/classify/").status_code == 200


def test_nobody_ends_anothers(user: User, other_user: User) -> None:
    there = signed_in(other_user)
    key = other_user.usersession_set.get().pk
    assert signed_in(user).post(f"/account/sessions/{key}/end/").status_code == 404
    assert there.get("/classify/").status_code == 200


# Own data


def own_zip(client: Client) -> zipfile.ZipFile:
    answer: Any = client.get("/account/data.zip")
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def lines(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(f"{name}.jsonl").splitlines()]


def test_all_that_is_kept_comes_as_a_zip(user: User, other_user: User) -> None:
    prediction = PredictionFactory.create(image__owner=user, succeeded=True)
    PredictionFactory.create(image__owner=other_user, succeeded=True)
    Review.objects.create(prediction=prediction, reader=user, label="monocyte", note="sure")
    LabelledImageFactory.create(labelled_set__owner=user, image=prediction.image)
    Webhook.objects.create(owner=user, url="https://hook.example/")
    archive = own_zip(signed_in(user))
    assert archive.testzip() is None
    account = json.loads(archive.read("account.json"))
    assert (account["username"], account["email"]) == (user.username, user.email)
    assert "Research use only" in account["notice"]
    [row] = lines(archive, "predictions")
    assert row["id"] == str(prediction.pk)
    assert row["predicted_label"] == prediction.predicted_label
    assert [each["label"] for each in lines(archive, "reviews")] == ["monocyte"]
    assert len(lines(archive, "labelled_sets")) == len(lines(archive, "labelled_images")) == 1
    assert "whsec_" not in str(lines(archive, "webhooks"))
    [image] = [name for name in archive.namelist() if name.startswith("images/")]
    assert archive.read(image) == prediction.image.file.read()
    event = AuditEvent.objects.filter(action=audit.Action.EXPORTED).get()
    assert (event.username, event.details) == (user.username, {"kind": "own data"})


def test_it_asks_for_the_password_first(user: User) -> None:
    client = Client()
    client.force_login(user)
    assert client.get("/account/data.zip")["Location"].startswith("/accounts/reauthenticate/")
    assert client.get("/account/delete/")["Location"].startswith("/accounts/reauthenticate/")


# The end of an account


def test_an_account_goes_with_everything_and_reviews_of_others_stay(
    user: User, other_user: User, django_capture_on_commit_callbacks: Any
) -> None:
    PredictionFactory.create(image__owner=user, succeeded=True, batch=BatchFactory(owner=user))
    LabelledImageFactory.create(labelled_set__owner=user)
    theirs = PredictionFactory.create(image__owner=other_user, succeeded=True)
    said = Review.objects.create(prediction=theirs, reader=user, label="monocyte")
    client, key = signed_in(user), user.pk
    page = client.get("/account/delete/").content.decode()
    assert "1 predictions" in page
    wrong = client.post("/account/delete/", {"username": "somebody"})
    assert wrong.status_code == 400
    assert User.objects.filter(pk=key).exists()
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post("/account/delete/", {"username": user.username}, follow=True)
    assert "were deleted" in done.content.decode()
    assert not User.objects.filter(pk=key).exists()
    assert set(Prediction.objects.all()) == {theirs}
    assert not LabelledSet.objects.exists()
    assert {image.owner for image in ImageUpload.objects.all()} == {other_user}
    assert len(stored_files()) == 2
    said.refresh_from_db()
    assert said.reader is None
    assert client.get("/classify/").status_code == 302
    event = AuditEvent.objects.filter(subject_key=str(key), details__change="deleted").get()
    assert event.username == user.username


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("is_superuser", [True, False])
def test_the_last_administrator_cannot_go(is_superuser: bool, user: User) -> None:
    if is_superuser:
        User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    else:
        give_role(user, "administrator")
    client = signed_in(user)
    answer = client.post("/account/delete/", {"username": user.username})
    assert answer.status_code == 400
    assert "last administrator" in answer.content.decode()
    give_role(UserFactory.create(), "administrator")
    client.post("/account/delete/", {"username": user.username})
    assert not User.objects.filter(pk=user.pk).exists()


# Invitations


@pytest.fixture
def closed(settings: Settings) -> None:
    settings.SIGNUP_OPEN = False


def invite(staff: User, email: str = "") -> str:
    """The link that an invitation of the desk has."""
    desk = Client()
    desk.force_login(staff)
    page = desk.post("/admin/classifier/invitation/add/", {"email": email}, follow=True)
    text = mail.outbox[-1].body if email else page.content.decode()
    [link] = re.findall(r"http://testserver(/invitation/[\w-]+/)", text)
    return str(link)


def sign_up(client: Client, email: str = "ada@lab.example") -> Any:
    fields = {"username": "ada", "email": email, "password1": PASSWORD, "password2": PASSWORD}
    return client.post("/accounts/signup/", fields)


def test_who_is_invited_signs_up_where_sign_up_is_closed(
    client: Client, staff: User, closed: None
) -> None:
    link = invite(staff)
    assert "Sign-up is closed" in client.get("/accounts/signup/").content.decode()
    assert client.get(link)["Location"] == "/accounts/signup/"
    assert sign_up(client)["Location"] == "/classify/"
    invitation = Invitation.objects.get()
    assert invitation.person == User.objects.get(username="ada")
    assert invitation.state == "Used"
    assert AuditEvent.objects.get(action=audit.Action.INVITED).username == staff.username
    again = Client()
    assert again.get(link).status_code == 404
    assert "Sign-up is closed" in again.get("/accounts/signup/").content.decode()


@pytest.mark.parametrize(("email", "is_confirmed"), [("Ada@lab.example", True), ("b@c.de", False)])
def test_an_invitation_by_mail_confirms_the_address(
    client: Client, staff: User, closed: None, email: str, is_confirmed: bool
) -> None:
    client.get(invite(staff, "ada@lab.example"))
    assert 'value="ada@lab.example"' in client.get("/accounts/signup/").content.decode()
    sign_up(client, email)
    assert EmailAddress.objects.get(user__username="ada").verified is is_confirmed


def test_an_old_one_or_one_taken_back_is_none(client: Client, staff: User, closed: None) -> None:
    link = invite(staff)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(link).status_code == 404
    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    client.get(link)
    Invitation.objects.all().delete()
    assert "Sign-up is closed" in sign_up(client).content.decode()
    assert not User.objects.filter(username="ada").exists()


# What leads to all of it, and webhooks on pages


def test_the_account_page_leads_everywhere(user: User) -> None:
    client = signed_in(user)
    page = client.get("/account/").content.decode()
    for address in set(re.findall(r'href="(/account[^"]*)"', page)) - {"/account/data.zip"}:
        assert client.get(address, follow=True).status_code == 200, address


def test_a_webhook_is_made_on_a_page_and_its_secret_shown_once(
    user: User, other_user: User
) -> None:
    client = signed_in(user)
    within = client.post("/account/webhooks/new/", {"url": "https://10.0.0.1/", "events": "alarm"})
    assert within.status_code == 400
    assert "private network" in within.content.decode()
    sent = {"url": "https://hook.example/x", "events": ["batch.finished"]}
    page = client.post("/account/webhooks/new/", sent, follow=True)
    webhook = Webhook.objects.get()
    address = f"/account/webhooks/{webhook.pk}/"
    assert webhook.secret in page.content.decode()
    assert webhook.secret not in client.get(address).content.decode()
    assert Client().get(address).status_code == 302
    assert signed_in(other_user).get(address).status_code == 404
    shown = client.post(f"{address}rotate/", follow=True).content.decode()
    webhook.refresh_from_db()
    assert webhook.secret in shown
    client.post(f"{address}delete/")
    assert not Webhook.objects.exists()
    changes = AuditEvent.objects.filter(action=audit.Action.WEBHOOK_CHANGED).order_by("pk")
    assert [event.details["change"] for event in changes] == ["made", "secret rotated", "deleted"]


def test_mails_are_chosen_on_a_page(user: User, staff: User) -> None:
    client = signed_in(user)
    client.post("/account/notifications/", {"on_batches": "on", "on_alarms": "on"})
    assert (user.mail_choice.on_batches, user.mail_choice.on_alarms) == (True, False)
    client.post("/account/notifications/")
    user.mail_choice.refresh_from_db()
    assert not user.mail_choice.on_batches
    signed_in(staff).post("/account/notifications/", {"on_alarms": "on"})
    assert staff.mail_choice.on_alarms


def test_programs_do_the_same(user: User, other_user: User, rung: list[str]) -> None:
    client = signed_in(user)
    sent = {"url": "https://hook.example/", "events": ["prediction.finished"]}
    made = client.post("/api/v1/webhooks/", sent, content_type="application/json")
    assert made.status_code == 201
    address = f"/api/v1/webhooks/{made.json()['id']}/"
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in client.get(address).json()
    assert client.post(f"{address}rotate/").json()["secret"] == Webhook.objects.get().secret
    assert client.get(f"{address}deliveries/").json() == []
    assert signed_in(other_user).get(address).status_code == 404
    refused = client.post(
        "/api/v1/webhooks/", {**sent, "url": "https://127.0.0.1/"}, content_type="application/json"
    )
    assert refused.status_code == 400
    assert client.delete(address).status_code == 204
