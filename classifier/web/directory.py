"""Sign-in by the directory of the institution (LDAP), beside passwords that are kept here."""

from typing import Any, Final

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django_auth_ldap.backend import LDAPBackend, ldap_error

from classifier.services.roles import GROUPS, give_role

NO_ANSWER: Final = (
    "The directory of your institution does not answer, so that your password cannot be checked. "
    "Try again in a minute."
)


class DirectoryBackend(LDAPBackend):
    """Whoever is in the directory has an account, of its name there, and no password here."""

    def authenticate_ldap_user(self, ldap_user: Any, password: str) -> User | None:
        person: User | None = super().authenticate_ldap_user(ldap_user, password)
        if person is None:
            return None
        [address, *_] = ldap_user.attrs.get("mail", [""])
        # One address, one account: links for a forgotten password go to it.
        is_taken = User.objects.filter(email__iexact=address).exists()
        if address and not person.email and not is_taken:
            person.email = address
            person.save(update_fields=["email"])
        if settings.LDAP_ROLES and not person.is_superuser:
            groups = ldap_user.group_names & settings.LDAP_ROLES.keys()
            roles = {settings.LDAP_ROLES[group] for group in groups}
            give_role(person, next((role for role in GROUPS if role in roles), "member"))
        return person

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[User, bool]:
        """Raises AuthenticationFailed for somebody else's account of the same name."""
        person, is_new = super().get_or_build_user(username, ldap_user)
        is_another = person.pk and (
            person.has_usable_password() or SocialAccount.objects.filter(user=person).exists()
        )
        if is_another:
            raise ldap_user.AuthenticationFailed(f"{username} is another account here")
        return person, is_new


@receiver(ldap_error)
def say_so(context: str, **kwargs: Any) -> None:
    """Or it would be called a wrong password. Raises ValidationError."""
    if context in {"authenticate", "search_for_user_dn"}:
        raise ValidationError(NO_ANSWER)
