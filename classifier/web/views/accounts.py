"""Where signing up and changing one's address differ from django-allauth's own ways."""

from typing import Any, cast

from allauth.account import views
from allauth.account.forms import SignupForm
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.models import Invitation
from classifier.web import address_changes
from classifier.web.accounts import INVITATION, invitation_of


class SignupView(views.SignupView):  # type: ignore[misc]
    """Stores one account after the other, and looks again whether name and address are free."""

    def get_initial(self) -> dict[str, Any]:
        invitation = invitation_of(self.request)
        return {**super().get_initial(), **({"email": invitation.email} if invitation else {})}

    def form_valid(self, form: SignupForm) -> HttpResponse:
        with transaction.atomic():
            # Where the database lets several people write at once, this makes them wait.
            User.objects.select_for_update().order_by("pk").first()
            invitation = invitation_of(self.request)
            if invitation is None and not settings.SIGNUP_OPEN:
                return render(self.request, "account/signup_closed.html")
            form.full_clean()
            if form.is_valid():
                answer = super().form_valid(form)
                if invitation:
                    self.use(invitation)
                return cast(HttpResponse, answer)
        return cast(HttpResponse, self.form_invalid(form))

    def use(self, invitation: Invitation) -> None:
        """It is for one account; whose address it was sent to, has confirmed that."""
        self.request.session.pop(INVITATION, None)
        Invitation.objects.filter(pk=invitation.pk).update(used_at=timezone.now(), person=self.user)
        if invitation.email:
            same = EmailAddress.objects.filter(user=self.user, email__iexact=invitation.email)
            same.update(verified=True)


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_address(request: HttpRequest, key: str) -> HttpResponse:
    """The link that is sent to the old address, and then to the new one."""
    change = address_changes.read(key)
    user = change.user if change else None
    if change is None or user is None:
        return render(request, "account/address_change.html", status=404)
    context = {"change": change, "user_name": user.username}
    if request.method == "POST":
        context["is_done"] = address_changes.agree(request, change, user)
        return render(request, "account/address_change_done.html", context)
    return render(request, "account/address_change.html", context)
