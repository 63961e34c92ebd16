"""Signing up, in and out, and what is told to whoever tries too often."""

import html
import re
from collections.abc import Iterator
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from classifier.models import ApiToken
from classifier.web.accounts import NAME_LIKE_ADDRESS
from tests.factories import PASSWORD

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
        for field in re.findall(r"<input[^>]*>", text):
            found = re.search(r'\sid="([^"]+)"', field)
            if found is None or 'type="hidden"' in field:
                continue
            name = found[1]
            assert f'for="{name}"' in text, (path, name)


def test_reauthentication_page(page: Client) -> None:
    assert "Confirm that it is you" in page.get("/accounts/reauthenticate/").content.decode()


def guess(client: Client, login: str, password: str = "wrong", **headers: str) -> str:
    data = {"login": login, "password": password}
    return str(client.post("/accounts/login/", data, follow=True, headers=headers).content.decode())


TOO_MANY = "Too many failed login attempts"


@pytest.fixture
def many_addresses(settings: Settings) -> None:
    """Guesses that come from all over the world count for the account alone."""
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/300s/key"}


@pytest.mark.usefixtures("many_addresses")
def test_guesses_count_for_the_account_however_it_is_named(client: Client, user: User) -> None:
    names = (user.username, user.username.upper(), user.email, user.email.upper())
    hosts = ("localhost", "localhost:1", "localhost:65535", "127.0.0.1:80")
    texts = [guess(client, name, Host=host) for name in names for host in hosts]
    assert [TOO_MANY in text for text in texts] == [False] * 5 + [True] * 11
    credentials = {"username": user.email, "password": PASSWORD}
    answer = client.post("/api/v1/auth/token/", credentials, headers={"Host": "localhost:99"})
    assert answer.status_code == 429


@pytest.mark.usefixtures("many_addresses")
def test_a_device_that_was_signed_in_before_is_not_locked_out(user: User) -> None:
    own, foreign = Client(), Client()
    guess(own, user.username, PASSWORD)
    own.post("/accounts/logout/")
    for _ in range(6):
        assert guess(foreign, user.username)
    assert TOO_MANY in guess(foreign, user.username, PASSWORD)
    assert "/classify/" not in foreign.get("/").content.decode()
    assert TOO_MANY not in guess(own, user.username, PASSWORD)
    assert own.get("/classify/").status_code == 200


@pytest.mark.usefixtures("many_addresses")
def test_a_device_has_no_more_guesses_than_others(user: User, other_user: User) -> None:
    own = Client()
    guess(own, user.username, PASSWORD)
    own.post("/accounts/logout/")
    texts = [guess(own, user.username) for _ in range(6)]
    assert TOO_MANY in texts[-1]
    # What it is known by counts for its own account, and nobody can write it.
    own.cookies[f"device-{other_user.pk}"] = own.cookies[f"device-{user.pk}"].value
    texts = [guess(own, other_user.username) for _ in range(6)]
    assert TOO_MANY in texts[-1]
    own.cookies[f"device-{other_user.pk}"] = "made-up:by:hand"
    assert TOO_MANY in guess(own, other_user.username, PASSWORD)


@pytest.mark.usefixtures("many_addresses")
def test_a_new_password_ends_the_wait(client: Client, user: User) -> None:
    for _ in range(6):
        guess(client, user.username)
    reset_password(client, user)
    assert TOO_MANY not in guess(client, user.username, NEW_PASSWORD)


def links(message: EmailMessage) -> list[str]:
    return re.findall(r"https?://\S+", str(message.body))


def path_of(link: str) -> str:
    return urlsplit(link).path


def reset_password(client: Client, user: User, **choices: str) -> None:
    client.post("/accounts/password/reset/", {"email": user.email})
    [link] = [link for link in links(mail.outbox[-1]) if "/key/" in link]
    form = client.get(path_of(link), follow=True)
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, **choices}
    client.post(form.request["PATH_INFO"], data)


def test_links_in_mails_lead_to_the_configured_address(
    page: Client, user: User, settings: Settings
) -> None:
    settings.SITE_URL = "https://lab.example.org"
    settings.ALLOWED_HOSTS = ["*"]
    elsewhere = {"Host": "evil.example:66"}
    page.post("/accounts/email/", {"email": user.email, "action_send": ""}, headers=elsewhere)
    for address in (user.email, "nobody@example.org"):
        page.post("/accounts/password/reset/", {"email": address}, headers=elsewhere)
    assert len(mail.outbox) == 3
    for message in mail.outbox:
        assert "evil" not in f"{message.subject}{message.body}"
        assert all(link.startswith("https://lab.example.org/") for link in links(message))


@pytest.mark.parametrize("choices", [{"revoke_tokens": "on"}, {}], ids=["revoked", "kept"])
@pytest.mark.parametrize("way", ["change", "reset"])
def test_tokens_go_with_the_password_or_stay(
    page: Client, user: User, other_user: User, way: str, choices: dict[str, str]
) -> None:
    ApiToken.objects.issue(user, name="night run")
    ApiToken.objects.issue(other_user, name="of another")
    if way == "change":
        path = "/accounts/password/change/"
        assert "Revoke my API tokens" in page.get(path).content.decode()
        data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        page.post(path, {**data, **choices})
    else:
        page.post("/accounts/logout/")
        reset_password(page, user, **choices)
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert user.api_tokens.exists() != bool(choices)
    assert other_user.api_tokens.exists()


def test_who_has_no_tokens_is_not_asked_about_them(page: Client) -> None:
    assert "Revoke my API tokens" not in page.get("/accounts/password/change/").content.decode()


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("Passw0rd123456", "in a list of stolen ones"),
        ("1q2w3e4r5t6y7u8i", "in a list of stolen ones"),
        ("ada-lovelace-1815", "this password is too short"),
        ("ada@example.org-1", "this password is too short"),
        ("medclassifier2026", "this password is too short"),
        ("short-one", "at least 10 characters"),
    ],
)
def test_weak_passwords(client: Client, db: None, password: str, words: str) -> None:
    names = {"username": "ada-lovelace", "password1": password, "password2": password}
    assert words in html.unescape(sign_up(client, **names))
    assert not User.objects.exists()


def test_a_name_within_a_good_password_is_no_fault(client: Client, db: None) -> None:
    password = "ada keeps nine grey herons"
    assert sign_up(client, password1=password, password2=password).startswith("/classify/")


def test_idle_people_are_signed_out(page: Client, settings: Settings) -> None:
    settings.IDLE_MINUTES = 10
    for minutes, is_signed_in in ((0, True), (9, True), (18, True), (30, False), (31, False)):
        with patch("classifier.web.middleware.time.time", lambda at=60 * minutes: at):
            assert (page.get("/classify/").status_code == 200) == is_signed_in


def test_without_the_setting_nobody_is_signed_out(page: Client) -> None:
    page.get("/classify/")
    assert "last_seen" not in page.session
