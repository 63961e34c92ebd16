"""What a person shows beside the password: an authenticator app, a passkey, a recovery code."""

from typing import Final

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from classifier.services.roles import is_administrator

# Recovery codes alone are none: they stand in for one of these.
FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_one(person: User) -> bool:
    return Authenticator.objects.filter(user=person, type__in=FACTORS).exists()


def needs_one(person: User) -> bool:
    """Whether MFA_REQUIRED asks for one that this person does not have."""
    match settings.MFA_REQUIRED:
        case "none":
            return False
        case "administrators":
            return is_administrator(person) and not has_one(person)
        case _:
            return not has_one(person)


@transaction.atomic
def remove_all(person: User) -> int:
    """For who lost theirs: take every factor and end every session. Returns how many factors."""
    removed, _ = Authenticator.objects.filter(user=person).delete()
    end_sessions(person)
    return removed


def end_sessions(person: User, *, but: str | None = None) -> int:
    """Sign a person out everywhere, but for the session with the key `but`; returns where."""
    sessions = list(UserSession.objects.filter(user=person).exclude(session_key=but or ""))
    for session in sessions:
        session.end()
    return len(sessions)
