"""A passkey, set up and used in a real browser with an authenticator that it simulates."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.test_main_job import PATIENCE
from tests.factories import PASSWORD, UserFactory

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def person(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> User:
    # Playwright's loop runs in this thread, and the database is asked beside it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    return UserFactory.create(username="ada")


@pytest.fixture
def page(person: User) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        opened = browser.new_page()
        opened.set_default_timeout(PATIENCE)
        devices = opened.context.new_cdp_session(opened)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        yield opened
        browser.close()


@pytest.mark.timeout(300)
def test_a_passkey_is_a_second_factor_and_signs_in_alone(
    page: Page, live_server: LiveServer
) -> None:
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if line.type == "error" else None)
    # Browsers give passkeys to names and not to numbers.
    site = live_server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{site}/accounts/login/?next=/account/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Set up the second factor").click()
    page.get_by_role("link", name="passkey").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible(timeout=PATIENCE)

    page.context.clear_cookies()
    page.goto(f"{site}/accounts/login/?next=/account/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Account")).to_be_visible(timeout=PATIENCE)

    page.context.clear_cookies()
    page.goto(f"{site}/accounts/login/?next=/account/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Account")).to_be_visible(timeout=PATIENCE)
    assert refused == []
