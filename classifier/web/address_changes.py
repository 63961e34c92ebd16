"""A change of one's e-mail address: the old one agrees, then the new one.

An address that nobody ever confirmed may be mistyped, so it is not asked. Nothing is stored before
the end: what was agreed to stands in the signed links.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.utils import filter_users_by_email
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

SALT: Final = "classifier.web.address_changes"
DAYS: Final = 3


@dataclass(frozen=True)
class AddressChange:
    """What a link agrees to; `is_agreed` once the old address has, or need not."""

    user_id: int
    old: str
    new: str
    is_agreed: bool

    @property
    def asked(self) -> str:
        """The address to which this link goes."""
        return self.new if self.is_agreed else self.old

    @property
    def user(self) -> User | None:
        """Whose address it is, while it is still the old one and nobody else has the new one."""
        user = User.objects.filter(pk=self.user_id, email=self.old, is_active=True).first()
        return None if any(filter_users_by_email(self.new)) else user

    def send_link(self, request: HttpRequest, user: User) -> None:
        key = signing.dumps(asdict(self), salt=SALT, compress=True)
        address = request.build_absolute_uri(reverse("account_change_address", args=[key]))
        context = {"user": user, "new_address": self.new, "change_url": address, "days": DAYS}
        get_adapter().send_mail("account/email/address_change", self.asked, context)


def begin(request: HttpRequest, user: User, new: str) -> AddressChange:
    is_confirmed = EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()
    change = AddressChange(user.pk, user.email, new, is_agreed=not is_confirmed)
    change.send_link(request, user)
    return change


def read(key: str) -> AddressChange | None:
    """None for a link that is too old or was not made here."""
    try:
        return AddressChange(**signing.loads(key, salt=SALT, max_age=DAYS * 24 * 3600))
    except signing.BadSignature:
        return None


def agree(request: HttpRequest, change: AddressChange, user: User) -> bool:
    """Whether it is done; else the new address is asked."""
    if not change.is_agreed:
        replace(change, is_agreed=True).send_link(request, user)
        return False
    with transaction.atomic():
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=change.new, verified=True, primary=True)
        User.objects.filter(pk=user.pk).update(email=change.new)
    context = {"from_email": change.old, "to_email": change.new}
    get_adapter().send_notification_mail("account/email/email_changed", user, context, change.old)
    return True
