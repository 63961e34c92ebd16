"""Signing up, in and out, and what is told to whoever tries too often."""

import re
from collections.abc import Iterator

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from classifier.web.accounts import NAME_LIKE_ADDRESS

PASSWORD = "correct horse battery"
NEW_PASSWORD = "staple from another battery"


@pytest.fixture(autouse=True)
def fresh_limits(settings: Settings) -> Iterator[None]:
    """Counts of failed attempts must not travel from test to test."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    yield
    cache.clear()


def sign_up(client: Client, **changes: str) -> str:
    data = {
        "username": "ada",
        "email": "ada@example.org",
        "password1": PASSWORD,
        "password2": PASSWORD,
        **changes,
    }
    response = client.post("/accounts/signup/", data, follow=True)
    return response.request["PATH_INFO"] + response.content.decode()


def test_sign_up_leads_to_the_form(client: Client, db: None) -> None:
    assert sign_up(client).startswith("/classify/")
    assert User.objects.get().username == "ada"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password2": "other"}, "same password"),
        ({"password1": "12345678", "password2": "12345678"}, "too common"),
        ({"email": "nothing"}, "valid email"),
    ],
)
def test_sign_up_refusals(client: Client, db: None, changes: dict[str, str], words: str) -> None:
    text = sign_up(client, **changes)
    assert words in text
    assert 'value="ada"' in text
    assert not User.objects.exists()


def test_username_cannot_pass_for_an_address(client: Client, user: User) -> None:
    assert NAME_LIKE_ADDRESS in sign_up(client, username=f"{user.email}.org")
    assert User.objects.get() == user


def test_sign_up_can_be_closed(client: Client, db: None, settings: Settings) -> None:
    settings.SIGNUP_OPEN = False
    assert "Sign-up is closed" in sign_up(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("login", ["{0.username}", "{0.email}"])
def test_sign_in_by_name_or_address(client: Client, user: User, login: str) -> None:
    data = {"login": login.format(user), "password": PASSWORD}
    assert client.post("/accounts/login/", data)["Location"] == "/classify/"


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/models/", "/models/"),
        ("https://elsewhere.example/", "/classify/"),
        ("//[evil", "/classify/"),
        ("http://[", "/classify/"),
    ],
)
def test_sign_in_goes_on_to_where_one_was(client: Client, user: User, asked: str, led: str) -> None:
    data = {"login": user.username, "password": PASSWORD, "next": asked}
    assert client.post("/accounts/login/", data)["Location"] == led


@pytest.mark.parametrize("asked", ["//[evil", "http://["])
def test_broken_address_to_go_on_to_is_passed_over(client: Client, user: User, asked: str) -> None:
    assert client.get("/accounts/login/", {"next": asked}).status_code == 200
    client.force_login(user)
    assert client.get("/accounts/logout/", {"next": asked}).status_code == 200
    assert client.post("/accounts/logout/", {"next": asked})["Location"] == "/"


def test_wrong_password_is_said_at_the_form(client: Client, user: User) -> None:
    text = client.post(
        "/accounts/login/", {"login": user.username, "password": "wrong"}
    ).content.decode()
    assert 'class="error" role="alert"' in text
    assert f'value="{user.username}"' in text


def test_too_many_wrong_passwords(client: Client, user: User) -> None:
    data = {"login": user.username, "password": "wrong"}
    texts = [client.post("/accounts/login/", data).content.decode() for _ in range(6)]
    assert "Too many failed login attempts" not in texts[0]
    assert "Too many failed login attempts" in texts[-1]


def test_too_many_requests_have_a_page(client: Client, db: None, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    sign_up(client, password2="other")
    response = client.post("/accounts/signup/", {})
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()


def test_sign_out_needs_a_post(page: Client) -> None:
    assert "Sign out?" in page.get("/accounts/logout/").content.decode()
    assert page.get("/classify/").status_code == 200
    assert page.post("/accounts/logout/")["Location"] == "/"
    assert page.get("/classify/").status_code == 302


def test_change_of_password(page: Client, user: User) -> None:
    data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert page.post("/accounts/password/change/", data).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_reset_of_password(client: Client, user: User) -> None:
    response = client.post("/accounts/password/reset/", {"email": user.email}, follow=True)
    assert "Look at your email" in response.content.decode()
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link[1], follow=True)
    assert "Choose a new password" in form.content.decode()
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    done = client.post(form.request["PATH_INFO"], data, follow=True)
    assert "Your password was changed" in done.content.decode()
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_address_of_another_account_cannot_be_added(
    page: Client, user: User, other_user: User
) -> None:
    data = {"email": other_user.email.upper(), "action_add": ""}
    text = page.post("/accounts/email/", data, follow=True).content.decode()
    assert "already registered with this email address" in text
    mail.outbox.clear()
    page.post("/accounts/password/reset/", {"email": other_user.email})
    [message] = mail.outbox
    assert other_user.username in str(message.body)
    assert f"username is {user.username}" not in str(message.body)


def test_address_of_nobody_is_added_and_confirmed(page: Client) -> None:
    too_long = {"email": f"{'x' * 300}@example.org", "action_add": ""}
    assert "at most 254 characters" in page.post("/accounts/email/", too_long).content.decode()
    data = {"email": "second@example.org", "action_add": ""}
    text = page.post("/accounts/email/", data, follow=True).content.decode()
    assert "second@example.org" in text
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link is not None
    text = page.get(link[1]).content.decode()
    assert "Confirm the address" in text
    assert "<strong>second@example.org</strong>" in text
    page.post(link[1])
    address = EmailAddress.objects.get(email="second@example.org")
    assert address.verified


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/accounts/confirm-email/", "If you asked for a verification link"),
        ("/accounts/confirm-email/broken/", "This link does not work"),
    ],
)
def test_pages_on_verification_links(client: Client, db: None, path: str, words: str) -> None:
    text = client.get(path).content.decode()
    assert words in text
    assert "page-narrow account" in text


def test_broken_reset_link(client: Client, db: None) -> None:
    text = client.get("/accounts/password/reset/key/1-broken/").content.decode()
    assert "This link does not work" in text


def test_unknown_address_is_not_given_away(client: Client, db: None) -> None:
    data = {"email": "nobody@example.org"}
    response = client.post("/accounts/password/reset/", data, follow=True)
    assert "Look at your email" in response.content.decode()


def test_every_field_has_a_label(client: Client, db: None) -> None:
    for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
        text = client.get(path).content.decode()
        for name in re.findall(r'<input[^>]*\sid="([^"]+)"', text):
            assert f'for="{name}"' in text, (path, name)


def test_reauthentication_and_address_pages(page: Client) -> None:
    assert "Confirm that it is you" in page.get("/accounts/reauthenticate/").content.decode()
    assert "Add an address" in page.get("/accounts/email/").content.decode()
