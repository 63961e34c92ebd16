"""A person's own account: where they are signed in, all that is kept of them, and its end."""

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import audit
from classifier.models import Invitation
from classifier.services import desk, own_data, roles, second_factors
from classifier.web.accounts import INVITATION


@never_cache
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Where everything about one's account leads off."""
    person = cast(User, request.user)
    context = {
        "has_second_factor": second_factors.has_one(person),
        "number_of_sessions": UserSession.objects.filter(user=person).count(),
        "webhooks": person.webhooks.count(),
        "is_linked": person.socialaccount_set.exists(),
    }
    return render(request, "web/account.html", context)


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out elsewhere."""
    session = get_object_or_404(UserSession, pk=pk, user=cast(User, request.user))
    session.end()
    audit.record(audit.Action.SIGNED_OUT, subject=request.user, elsewhere=True)
    messages.success(request, "That device is signed out.")
    return redirect("usersessions_list")


@never_cache
@require_safe
@reauthentication_required
def data(request: HttpRequest) -> StreamingHttpResponse:
    """All that is kept of whoever asks."""
    person = cast(User, request.user)
    audit.record(audit.Action.EXPORTED, subject=person, kind="own data")
    return StreamingHttpResponse(
        own_data.zip_pieces(person),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="medclassifier-own-data.zip"'},
    )


class DeletionForm(forms.Form):
    username = forms.CharField(max_length=150, label="Your username, to be sure")

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_username(self) -> str:
        if self.cleaned_data["username"] != self.person.username:
            raise forms.ValidationError("That is not your username. Nothing was deleted.")
        return str(self.cleaned_data["username"])


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def delete(request: HttpRequest) -> HttpResponse:
    """The end of an account with all its data, after it was said what that takes along."""
    person = cast(User, request.user)
    is_last = roles.is_administrator(person) and not roles.other_administrators(person)
    form = DeletionForm(person, request.POST or None)
    if request.method == "POST" and form.is_valid() and not is_last:
        desk.delete_person(person)
        logout(request)
        messages.success(request, "Your account and all its data were deleted.")
        return redirect("web:landing")
    counts = desk.taken_along(User.objects.filter(pk=person.pk))
    own = {str(table._meta.verbose_name_plural): number for table, number in counts.items()}
    context = {"form": form, "is_last_administrator": is_last, "counts": own}
    is_refused = bool(form.errors) or (request.method == "POST" and is_last)
    return render(request, "web/account_delete.html", context, status=400 if is_refused else 200)


@never_cache
@login_not_required
@require_safe
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """The link of an invitation: to the form for signing up, also where that is closed."""
    if Invitation.objects.holding(secret) is None:
        return render(request, "account/invitation_invalid.html", status=404)
    request.session[INVITATION] = secret
    return redirect("account_signup")
