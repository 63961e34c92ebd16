"""What differs from django-allauth's own ways."""

from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.utils import filter_users_by_email
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

from classifier import audit
from classifier.models import Invitation

NAME_LIKE_ADDRESS: Final = "A username cannot contain @, or it could pass for an email address."
DEVICE_SECONDS: Final = 365 * 24 * 3600
# In the session, from the link to the account.
INVITATION: Final = "invitation"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts of this installation."""

    error_messages: Final = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": (
            "Too many failed login attempts. Try again in five minutes, or choose a new password "
            "by the link “Forgotten it?”. Devices that were signed in before are not affected."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP_OPEN) or invitation_of(request) is not None

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            # Not an address at all, such as "http://[".
            return False

    def clean_username(self, username: str, shallow: bool = False) -> str:
        if "@" in username:
            raise ValidationError(NAME_LIKE_ADDRESS, code="username_like_address")
        return str(super().clean_username(username, shallow))

    def clean_email(self, email: str) -> str:
        """One address, one account: links for a forgotten password go to it unverified.

        At sign-up the form sees to this itself. When changing an address it does not, so as not to
        tell who has an account, which the sign-up tells anyhow.
        """
        match = self.request.resolver_match if self.request else None
        owners = {user.pk for user in filter_users_by_email(email)}
        if match and match.view_name == "account_email" and owners - {self.request.user.pk}:
            raise self.validation_error("email_taken")
        MaxLengthValidator(EmailAddress._meta.get_field("email").max_length)(email)
        return str(super().clean_email(email))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count failed attempts: of each address, and of each account.

        A device that was signed in before has a count of its own, or whoever guesses at an account
        would lock its owner out.
        """
        config = {"login_failed": settings.ACCOUNT_RATE_LIMITS["login_failed"]}
        if known_device(request, account_of(credentials)):
            config = {"login_failed": settings.KNOWN_DEVICE_RATE_LIMIT}
        self._login_failed_rl_usage = ratelimit.consume(
            request,
            app="allauth.account",
            action="login_failed",
            config=config,
            key=self._get_login_attempts_cache_key(request, **credentials),
        )
        if not self._login_failed_rl_usage:
            audit.record(
                audit.Action.SIGN_IN_FAILED,
                subject=account_of(credentials),
                reason="too many attempts",
            )
            raise self.validation_error("too_many_login_attempts")

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By the account, however it was named, and by nothing that the client may choose."""
        account = account_of(credentials)
        if account is None:
            return login_of(credentials)
        return f"{account.pk}:{known_device(request, account)}"

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        response.set_signed_cookie(
            device_cookie(user),
            known_device(request, user) or get_random_string(22),
            salt=device_cookie(user),
            max_age=DEVICE_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """With links to the configured address, whatever Host the request came with."""
        if settings.SITE_URL:
            asked = self.request.build_absolute_uri("/")
            context = {name: at_the_site(value, asked) for name, value in context.items()}
            host = urlsplit(settings.SITE_URL).netloc
            context["current_site"] = SimpleNamespace(name=host, domain=host)
        super().send_mail(template_prefix, email, context)


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The one whose link this browser opened, while it may be used."""
    secret = request.session.get(INVITATION, "")
    return Invitation.objects.holding(secret) if secret else None


def login_of(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email") or credentials.get("username") or "").lower()


def account_of(credentials: dict[str, Any]) -> User | None:
    """The account that a sign-in names, by its username or its address."""
    login = login_of(credentials)
    named = User.objects.filter(username__iexact=login).first()
    return named or next(iter(filter_users_by_email(login)), None)


def device_cookie(user: User) -> str:
    return f"device-{user.pk}"


def known_device(request: HttpRequest, user: User | None) -> str:
    """A name for the device where it signed in to this account before, else nothing."""
    if user is None:
        return ""
    name = device_cookie(user)
    return request.get_signed_cookie(name, "", salt=name, max_age=DEVICE_SECONDS) or ""


def at_the_site(value: Any, asked: str) -> Any:
    if isinstance(value, str) and value.startswith(asked):
        return value.replace(asked, f"{settings.SITE_URL}/", 1)
    return value
