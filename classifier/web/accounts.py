"""What differs from django-allauth's own ways."""

from typing import Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.utils import filter_users_by_email
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest

NAME_LIKE_ADDRESS: Final = "A username cannot contain @, or it could pass for an email address."


class AccountAdapter(DefaultAccountAdapter):
    """Accounts of this installation."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP_OPEN)

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

        At sign-up the form sees to this itself. When adding an address it does not, so as not to
        tell who has an account, which the sign-up tells anyhow.
        """
        if self._adds_address and self._is_of_another(email):
            raise self.validation_error("email_taken")
        MaxLengthValidator(EmailAddress._meta.get_field("email").max_length)(email)
        return str(super().clean_email(email))

    @property
    def _adds_address(self) -> bool:
        match = self.request.resolver_match if self.request else None
        return match is not None and match.view_name == "account_email"

    def _is_of_another(self, email: str) -> bool:
        return any(user.pk != self.request.user.pk for user in filter_users_by_email(email))
