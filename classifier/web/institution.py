"""Accounts of the institution, by OpenID Connect: whom they let in, and with which role."""

from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.account.utils import filter_users_by_email
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import render

from classifier.services.roles import GROUPS, give_role

NO_ADDRESS: Final = "It sent no e-mail address of yours, or did not say that the address is yours."
ADDRESS_TAKEN: Final = (
    "An account here has your e-mail address, but never confirmed it, so it may be somebody "
    "else's. If it is yours, sign in with its password, open the link that “Email address” sends "
    "you, and come back."
)
LINKED_BY_ADDRESS: Final = (
    "Accounts are linked by their confirmed address. Sign out, and sign in through the institution."
)


class InstitutionAdapter(DefaultSocialAccountAdapter):
    """Links by an address that both sides confirmed, and by nothing else."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whom the institution lets in has an account, also where sign-up is closed."""
        return True

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        email = confirmed_address(sociallogin)
        own = EmailAddress.objects.filter(email__iexact=email, verified=True) if email else None
        address = own.select_related("user").first() if own is not None else None
        return (address.user, address.email) if address else None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Raises ImmediateHttpResponse for whom no account is opened."""
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            refuse(request, LINKED_BY_ADDRESS)
        if sociallogin.is_existing:
            give_roles(sociallogin.user, sociallogin.account.extra_data)
        elif not (email := confirmed_address(sociallogin)):
            refuse(request, NO_ADDRESS)
        elif filter_users_by_email(email):
            refuse(request, ADDRESS_TAKEN)
        else:
            sociallogin.email_addresses = [EmailAddress(email=email, verified=True, primary=True)]

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        person: User = super().save_user(request, sociallogin, form)
        give_roles(person, sociallogin.account.extra_data)
        return person


def refuse(request: HttpRequest, reason: str) -> None:
    context = {"reason": reason, "institution": settings.OIDC_NAME}
    answer = render(request, "socialaccount/refused.html", context, status=403)
    raise ImmediateHttpResponse(answer)


def confirmed_address(sociallogin: SocialLogin) -> str:
    """The one that the institution confirmed, in lower case; else nothing."""
    for address in sociallogin.email_addresses:
        if address.verified is True or settings.OIDC_TRUSTS_ADDRESSES:
            return str(address.email).lower()
    return ""


def give_roles(person: User, claims: dict[str, Any]) -> None:
    """The first role that one of the person's groups has by OIDC_ROLES; else that of a member.

    Superusers stay what they are, as does everyone where no group has a role.
    """
    if not settings.OIDC_ROLES or person.is_superuser:
        return
    groups: set[str] = set()
    for part in ("id_token", "userinfo"):
        found = claims.get(part, {}).get(settings.OIDC_GROUPS_CLAIM, ())
        groups.update([found] if isinstance(found, str) else found)
    roles = {settings.OIDC_ROLES[group] for group in groups & settings.OIDC_ROLES.keys()}
    give_role(person, next((role for role in GROUPS if role in roles), "member"))
