"""Sign-in by OpenID Connect, with a provider that runs here and is asked over HTTP."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from oidc_provider_mock import User as KnownPerson
from oidc_provider_mock import run_server_in_thread
from pytest_django import Settings

from classifier.models import AuditEvent
from classifier.web import institution
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ANNA = {
    "email": "anna@lab.example",
    "email_verified": True,
    "preferred_username": "anna",
    "groups": ["staff", "readers"],
}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that knows some people."""
    people = (
        KnownPerson(sub="anna", claims=ANNA),
        KnownPerson(sub="unconfirmed", claims={**ANNA, "email_verified": False}),
        KnownPerson(sub="no-address", claims={"groups": []}),
        KnownPerson(sub="head", claims={**ANNA, "groups": ["readers", "heads"]}),
    )
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def installation(settings: Settings, provider: str) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    app = {
        "provider_id": "institution",
        "name": "Lab University",
        "client_id": "medclassifier",
        "secret": "of the client",
        "settings": {"server_url": provider},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    settings.SIGNUP_OPEN = False


def come_from_there(client: Client, sub: str) -> HttpResponse:
    """The whole way: to the provider, a sign-in there, and back."""
    begun = client.get("/accounts/oidc/institution/login/")
    asked = requests.post(begun["Location"], data={"sub": sub}, allow_redirects=False, timeout=10)
    back = urlsplit(asked.headers["Location"])
    answer: Any = client.get(f"{back.path}?{back.query}")
    return answer


def test_the_sign_in_page_leads_there(client: Client) -> None:
    page = client.get("/accounts/login/?next=/models/").content.decode()
    assert "Sign in with Lab University" in page
    assert "/accounts/oidc/institution/login/?next=%2Fmodels%2F" in page


def test_whom_the_institution_lets_in_has_an_account_though_sign_up_is_closed(
    client: Client,
) -> None:
    assert come_from_there(client, "anna")["Location"] == "/classify/"
    person = User.objects.get()
    assert (person.username, person.email) == ("anna", "anna@lab.example")
    assert not person.has_usable_password()
    assert EmailAddress.objects.get().verified
    assert client.get("/classify/").status_code == 200
    assert AuditEvent.objects.filter(action="signed_in", username="anna").exists()
    come_from_there(Client(), "anna")
    assert User.objects.count() == 1


def test_an_account_is_linked_by_an_address_that_both_confirmed(client: Client) -> None:
    person = UserFactory.create(email=ANNA["email"])
    EmailAddress.objects.create(user=person, email=ANNA["email"], verified=True, primary=True)
    password = person.password
    assert come_from_there(client, "anna")["Location"] == "/classify/"
    assert SocialAccount.objects.get().user == person
    assert User.objects.get().password == password


@pytest.mark.parametrize("has_row", [True, False])
def test_an_account_that_never_confirmed_the_address_is_not_linked(
    client: Client, has_row: bool
) -> None:
    squatter = UserFactory.create(email=ANNA["email"].upper())
    if has_row:
        EmailAddress.objects.create(user=squatter, email=ANNA["email"], primary=True)
    answer = come_from_there(client, "anna")
    assert answer.status_code == 403
    assert institution.ADDRESS_TAKEN.split(",")[0] in answer.content.decode()
    assert not SocialAccount.objects.exists()
    assert User.objects.get() == squatter
    assert client.get("/classify/").status_code == 302


@pytest.mark.parametrize("sub", ["unconfirmed", "no-address"])
def test_without_a_confirmed_address_no_account_is_opened(client: Client, sub: str) -> None:
    assert come_from_there(client, sub).status_code == 403
    assert not User.objects.exists()


def test_unless_the_installation_trusts_its_addresses(client: Client, settings: Settings) -> None:
    settings.OIDC_TRUSTS_ADDRESSES = True
    assert come_from_there(client, "unconfirmed").status_code == 302
    assert EmailAddress.objects.get().verified


def test_groups_there_give_roles_here_at_each_sign_in(client: Client, settings: Settings) -> None:
    settings.OIDC_ROLES = {"readers": "reviewer", "heads": "administrator"}
    come_from_there(client, "anna")
    person = User.objects.get()
    assert [group.name for group in person.groups.all()] == ["Reviewers"]
    settings.OIDC_ROLES = {"heads": "administrator"}
    come_from_there(Client(), "anna")
    assert [group.name for group in person.groups.all()] == ["Members"]
    person.refresh_from_db()
    assert not person.is_staff


def test_the_highest_of_several_roles_counts(client: Client, settings: Settings) -> None:
    settings.OIDC_ROLES = {"readers": "reviewer", "heads": "administrator"}
    come_from_there(client, "head")
    assert [group.name for group in User.objects.get().groups.all()] == ["Administrators"]


def test_a_second_factor_there_counts_where_the_installation_says_so(
    client: Client, settings: Settings
) -> None:
    settings.MFA_REQUIRED = "all"
    come_from_there(client, "anna")
    assert client.get("/classify/")["Location"] == "/accounts/2fa/"
    settings.OIDC_HAS_SECOND_FACTOR = True
    assert client.get("/classify/").status_code == 200


def test_nobody_links_by_being_signed_in(client: Client, user: User) -> None:
    client.force_login(user)
    begun = client.get("/accounts/oidc/institution/login/?process=connect")
    asked = requests.post(
        begun["Location"], data={"sub": "anna"}, allow_redirects=False, timeout=10
    )
    back = urlsplit(asked.headers["Location"])
    assert client.get(f"{back.path}?{back.query}").status_code == 403
    assert not SocialAccount.objects.exists()


def test_a_state_that_was_not_begun_here_signs_nobody_in(client: Client) -> None:
    answer = client.get("/accounts/oidc/institution/login/callback/?code=x&state=y")
    assert "Nothing was changed" in answer.content.decode()
    assert client.get("/classify/").status_code == 302


def test_a_provider_that_does_not_answer_is_said(client: Client, settings: Settings) -> None:
    [app] = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    app["settings"]["server_url"] = "http://127.0.0.1:9"
    answer = client.get("/accounts/oidc/institution/login/")
    assert "did not answer" in answer.content.decode()
