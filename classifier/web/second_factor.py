"""Whoever has to have a second factor, and has none, is led to set one up."""

from typing import Final, cast

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import resolve

from classifier.services import second_factors
from classifier.web.middleware import Handler

SET_IT_UP: Final = (
    "Your account needs a second factor here. Set up an authenticator app or a passkey to go on."
)
# What it takes to set one up, or to leave; and what says nothing about anybody.
REACHED_WITHOUT: Final = {
    "mfa_index",
    "mfa_activate_totp",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "account_logout",
    "web:favicon",
    "web:healthz",
    "web:livez",
    "web:metrics",
}


def required_second_factor(get_response: Handler) -> Handler:
    """Programs with a token are not asked: no session is behind them."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.MFA_REQUIRED == "none" or not request.user.is_authenticated:
            return get_response(request)
        if _is_reached_without(request) or not is_missing(request):
            return get_response(request)
        if request.path_info.startswith("/api/"):
            raise PermissionDenied(SET_IT_UP)
        messages.warning(request, SET_IT_UP)
        return redirect("mfa_index")

    return middleware


def _is_reached_without(request: HttpRequest) -> bool:
    try:
        return resolve(request.path_info).view_name in REACHED_WITHOUT
    except Http404:
        return False


def is_missing(request: HttpRequest) -> bool:
    person = cast(User, request.user)
    records = get_authentication_records(request, person)
    if settings.OIDC_HAS_SECOND_FACTOR and any(
        record["method"] == "socialaccount" for record in records
    ):
        return False
    return second_factors.needs_one(person)
