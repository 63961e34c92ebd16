"""Where signing up differs from django-allauth's own way."""

from typing import cast

from allauth.account import views
from allauth.account.forms import SignupForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse


class SignupView(views.SignupView):  # type: ignore[misc]
    """Stores one account after the other, and looks again whether name and address are free."""

    def form_valid(self, form: SignupForm) -> HttpResponse:
        with transaction.atomic():
            # Where the database lets several people write at once, this makes them wait.
            User.objects.select_for_update().order_by("pk").first()
            form.full_clean()
            if form.is_valid():
                return cast(HttpResponse, super().form_valid(form))
        return cast(HttpResponse, self.form_invalid(form))
