"""A second factor: setting it up, being asked for it, having to have it, and losing it."""

import io
import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from classifier import audit
from classifier.models import ApiToken, AuditEvent
from classifier.services.roles import give_role
from classifier.web.second_factor import SET_IT_UP
from tests.factories import PASSWORD, UserFactory


@pytest.fixture(autouse=True)
def fresh_limits(settings: Settings) -> Iterator[None]:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def administrator(db: None) -> User:
    return UserFactory.create(is_staff=True, is_superuser=True)


def sign_in(client: Client, person: User) -> str:
    answer = client.post("/accounts/login/", {"login": person.username, "password": PASSWORD})
    return str(answer.get("Location", ""))


def code(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def set_up(client: Client, person: User) -> str:
    """The secret of the app that a person who has just signed in sets up."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", page)
    assert client.post("/accounts/2fa/totp/activate/", {"code": code(secret)}).status_code == 302
    return secret


def kinds(action: audit.Action) -> list[str]:
    return [event.details.get("kind", "") for event in AuditEvent.objects.filter(action=action)]


@pytest.mark.django_db(transaction=True)
def test_it_is_said_by_mail(client: Client, user: User) -> None:
    sign_in(client, user)
    set_up(client, user)
    [sent] = mail.outbox
    assert sent.to == [user.email]


def test_signing_in_asks_for_the_code_of_the_app(client: Client, user: User) -> None:
    sign_in(client, user)
    secret = set_up(client, user)
    assert sorted(kinds(audit.Action.FACTOR_ADDED)) == ["recovery_codes", "totp"]

    again = Client()
    assert sign_in(again, user) == "/accounts/2fa/authenticate/"
    assert again.get("/classify/").status_code == 302
    wrong = again.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert "Incorrect code" in wrong.content.decode()
    assert AuditEvent.objects.filter(action="sign_in_failed", details__reason="totp").exists()
    # The code of the step before: the one that set it up is taken no second time.
    again.post("/accounts/2fa/authenticate/", {"code": code(secret, 1)})
    assert again.get("/classify/").status_code == 200


def test_a_recovery_code_signs_in_once(client: Client, user: User) -> None:
    sign_in(client, user)
    set_up(client, user)
    page = client.get("/accounts/2fa/recovery-codes/").content.decode()
    spare = re.findall(r"<code>(\d{8})</code>", page)
    assert len(spare) == 10
    for reaches in (200, 302):
        again = Client()
        sign_in(again, user)
        again.post("/accounts/2fa/authenticate/", {"code": spare[0]})
        assert again.get("/classify/").status_code == reaches


def test_tokens_go_on_and_the_password_alone_gets_none(client: Client, user: User) -> None:
    _, token = ApiToken.objects.issue(user, name="night run")
    asked = {"username": user.username, "password": PASSWORD}
    assert client.post("/api/v1/auth/token/", asked).status_code == 200
    Authenticator.objects.create(user=user, type="totp", data={"secret": "A" * 32})
    refused = Client().post("/api/v1/auth/token/", asked)
    assert refused.status_code == 403
    assert "second factor" in refused.json()["detail"]
    me = Client().get("/api/v1/me/", headers={"Authorization": f"Token {token}"})
    assert me.status_code == 200


@pytest.mark.parametrize(
    ("required", "of_administrators", "of_members"),
    [("none", False, False), ("administrators", True, False), ("all", True, True)],
)
def test_whoever_has_to_have_one_reaches_nothing_else(
    required: str,
    of_administrators: bool,
    of_members: bool,
    user: User,
    administrator: User,
    settings: Settings,
) -> None:
    settings.MFA_REQUIRED = required
    for person, is_led in ((administrator, of_administrators), (user, of_members)):
        client = Client()
        sign_in(client, person)
        page, api = client.get("/classify/"), client.get("/api/v1/me/")
        if not is_led:
            assert (page.status_code, api.status_code) == (200, 200)
            continue
        assert page["Location"] == "/accounts/2fa/"
        assert client.get("/admin/")["Location"] == "/accounts/2fa/"
        assert (api.status_code, api.json()["detail"]) == (403, SET_IT_UP)
        assert client.post("/account/tokens/", {"name": "x"})["Location"] == "/accounts/2fa/"
        assert SET_IT_UP in client.get("/accounts/2fa/").content.decode()
        set_up(client, person)
        assert client.get("/classify/").status_code == 200


@pytest.mark.usefixtures("groups")
def test_the_role_of_an_administrator_counts(user: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = "administrators"
    give_role(user, "administrator")
    client = Client()
    client.force_login(user)
    assert client.get("/classify/")["Location"] == "/accounts/2fa/"
    give_role(user, "reviewer")
    assert client.get("/classify/").status_code == 200


def test_a_token_is_not_asked(user: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = "all"
    _, token = ApiToken.objects.issue(user, name="night run")
    me = Client().get("/api/v1/me/", headers={"Authorization": f"Token {token}"})
    assert me.status_code == 200


def test_an_administrator_takes_a_lost_one_away(
    client: Client, user: User, administrator: User
) -> None:
    sign_in(client, user)
    set_up(client, user)
    desk = Client()
    desk.force_login(administrator)
    answer = desk.post(
        "/admin/auth/user/",
        {"action": "remove_second_factors", "_selected_action": [user.pk]},
        follow=True,
    )
    assert "password alone" in answer.content.decode()
    assert client.get("/classify/").status_code == 302, "they were signed out"
    assert sign_in(Client(), user) == "/classify/"
    event = AuditEvent.objects.filter(action=audit.Action.FACTOR_REMOVED).first()
    assert event is not None
    assert (event.username, event.subject_key) == (administrator.username, str(user.pk))
    assert mail.outbox[-1].to == [user.email]
    assert "second factor" in mail.outbox[-1].body


def test_so_does_a_command(user: User) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": "A" * 32})
    call_command("remove_second_factor", user.username, stdout=io.StringIO())
    assert not Authenticator.objects.exists()
