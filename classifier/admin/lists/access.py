"""How people come in, and what programs are told: invitations, factors, webhooks, alarms."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from classifier import audit
from classifier.admin.base import DeskAdmin, ReadOnlyAdmin
from classifier.models import Alarm, Invitation, MailChoice, Webhook, WebhookDelivery

# The application of the institution is set by the environment, and no token of it is kept. What is
# in an authenticator or a session is nobody's to read.
for unused in (Authenticator, SocialApp, SocialToken, UserSession, EmailAddress, SocialAccount):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)


@admin.register(SocialAccount)
class InstitutionAccountAdmin(ReadOnlyAdmin):
    list_display = ("user", "provider", "last_login", "date_joined")
    list_select_related = ("user",)
    fields = ("user", "provider", "last_login", "date_joined")
    search_fields = ("user__username",)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    list_display = ("email", "user", "verified")
    list_select_related = ("user",)
    list_filter = ("verified",)
    search_fields = ("email", "user__username")


@admin.register(Invitation)
class InvitationAdmin(DeskAdmin):
    """Adding one sends its link, or shows it once; deleting one takes it back."""

    list_display = ("__str__", "state", "invited_by", "person", "created_at", "expires_at")
    list_select_related = ("invited_by", "person")
    search_fields = ("email", "invited_by__username", "person__username")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: Any, obj: Invitation, form: Any, change: bool) -> None:
        person: User = request.user
        secret = obj.draw_secret(person)
        obj.save()
        audit.record(audit.Action.INVITED, subject=obj)
        link = request.build_absolute_uri(reverse("web:invitation", args=[secret]))
        if obj.email:
            context = {"inviter": person, "invitation_url": link, "expires_at": obj.expires_at}
            get_adapter().send_mail("account/email/invitation", obj.email, context)
            self.message_user(request, "The link was sent.", messages.SUCCESS)
        else:
            words = f"Pass on this link, which is not shown again: {link}"
            self.message_user(request, words, messages.SUCCESS)


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("url", "owner", "is_active", "created_at")
    list_select_related = ("owner",)
    list_filter = ("is_active",)
    search_fields = ("url", "owner__username")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "event", "webhook", "status", "attempts", "response_status", "error_message", "created_at",
    )  # fmt: skip
    list_select_related = ("webhook",)
    list_filter = ("status", "event")
    search_fields = ("webhook__url", "webhook__owner__username", "subject_key")


@admin.register(MailChoice)
class MailChoiceAdmin(ReadOnlyAdmin):
    list_display = ("user", "on_batches", "on_alarms")
    list_select_related = ("user",)
    search_fields = ("user__username",)


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ("message", "kind", "raised_at", "cleared_at")
    list_filter = ("kind",)
