"""Changing one's e-mail address."""

import re
from collections.abc import Iterator
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.factories import PASSWORD

URL = "/accounts/email/"
NEW = "new@example.org"


@pytest.fixture(autouse=True)
def fresh_limits(settings: Settings) -> Iterator[None]:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def old(user: User) -> str:
    """The address that the person has, confirmed."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return str(user.email)


def ask(page: Client, new: str = NEW, password: str = PASSWORD) -> str:
    asked = page.post(URL, {"email": new, "action_add": ""})
    if asked.status_code == 302 and "reauthenticate" in asked["Location"]:
        asked = page.post(asked["Location"], {"password": password}, follow=True)
    return str(asked.content.decode())


def link_to(address: str) -> str:
    [message] = [message for message in mail.outbox if message.to == [address]]
    found = re.search(r"http\S+/accounts/email/change/\S+", str(message.body))
    assert found
    return urlsplit(found[0]).path


def test_it_asks_for_the_password_and_both_addresses(page: Client, user: User, old: str) -> None:
    assert page.post(URL, {"email": NEW, "action_add": ""})["Location"].startswith(
        "/accounts/reauthenticate/"
    )
    assert "Incorrect password" in ask(page, password="wrong")
    assert not mail.outbox
    ask(page)
    agreed, stranger = link_to(old), Client()
    assert f"<strong>{NEW}</strong>" in stranger.get(agreed).content.decode()
    assert len(mail.outbox) == 1, "looking at a link agrees to nothing"
    stranger.post(agreed)
    user.refresh_from_db()
    assert user.email == old
    answer = stranger.post(link_to(NEW)).content.decode()
    assert "The address was changed" in answer
    user.refresh_from_db()
    assert user.email == NEW
    [address] = EmailAddress.objects.filter(user=user)
    assert (address.email, address.verified, address.primary) == (NEW, True, True)
    assert mail.outbox[-1].to == [old], "the old one is told"
    assert "This link does not work" in stranger.post(agreed).content.decode()


def test_an_address_that_was_never_confirmed_is_not_asked(page: Client, user: User) -> None:
    mistyped = user.email
    ask(page)
    assert [message.to for message in mail.outbox] == [[NEW]]
    user.refresh_from_db()
    assert user.email == mistyped
    page.post(link_to(NEW))
    user.refresh_from_db()
    assert user.email == NEW


def test_the_address_of_another_account_is_refused(
    page: Client, user: User, other_user: User
) -> None:
    assert "already registered" in ask(page, other_user.email.upper())
    assert not mail.outbox


def test_an_address_that_another_took_meanwhile(page: Client, user: User, other_user: User) -> None:
    ask(page)
    User.objects.filter(pk=other_user.pk).update(email=NEW)
    answer = page.post(link_to(NEW))
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()
    user.refresh_from_db()
    assert user.email != NEW


def test_a_link_that_is_old_or_made_up(page: Client, user: User) -> None:
    ask(page)
    link = link_to(NEW)
    assert page.post(f"{link[:-2]}x/").status_code == 404
    with patch("django.core.signing.time.time", lambda: 4e9):
        assert page.post(link).status_code == 404


def test_an_address_is_confirmed_by_its_link(page: Client, user: User) -> None:
    page.get(URL)
    page.post(URL, {"email": user.email, "action_send": ""})
    found = re.search(r"http\S+/confirm-email/\S+", str(mail.outbox[-1].body))
    assert found
    page.post(urlsplit(found[0]).path)
    assert EmailAddress.objects.get(user=user).verified
    assert "Verified" in page.get(URL).content.decode()


def test_an_address_that_is_too_long(page: Client) -> None:
    assert "at most 254 characters" in ask(page, f"{'x' * 300}@example.org")
