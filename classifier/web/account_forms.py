"""django-allauth's forms with what they ask here beside."""

from typing import Any

from allauth.account import forms as allauth
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from classifier.models import ApiToken
from classifier.web import address_changes


class RevokesTokens(forms.Form):
    """Asks, of whoever has tokens, whether they go with the old password."""

    user: User | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.user and self.tokens().exists():
            self.fields["revoke_tokens"] = forms.BooleanField(
                label="Revoke my API tokens",
                required=False,
                initial=True,
                help_text="Programs that use them stop. Leave it on if somebody knew the password.",
            )

    def tokens(self) -> Any:
        return ApiToken.objects.filter(user=self.user)

    def save(self) -> None:
        super().save()  # type: ignore[misc]
        if self.cleaned_data.get("revoke_tokens"):
            self.tokens().delete()


class ChangePasswordForm(RevokesTokens, allauth.ChangePasswordForm):
    pass


class ResetPasswordKeyForm(RevokesTokens, allauth.ResetPasswordKeyForm):
    pass


class ChangeAddressForm(allauth.AddEmailForm):
    def save(self, request: HttpRequest) -> EmailAddress:
        change = address_changes.begin(request, self.user, self.cleaned_data["email"])
        messages.info(
            request, f"A link was sent to {change.asked}. Nothing changes until it is opened."
        )
        return EmailAddress(user=self.user, email=change.new)
