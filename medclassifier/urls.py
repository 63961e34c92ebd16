"""Addresses of the whole site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from classifier.web.views.accounts import (
    SignupView,
    begin_institution_login,
    change_address,
)

# The admin asks for the same sign-in as the pages, with the same limits on failed attempts.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "classifier.api.errors.bad_request"
handler403 = "classifier.api.errors.forbidden"
handler500 = "classifier.api.errors.server_error"

# The first match counts, and the addresses that programs ask most lie first.
urlpatterns = [
    path("api/", include("classifier.api.urls")),
    path("", include("classifier.web.urls")),
    path("accounts/signup/", SignupView.as_view(), name="account_signup"),
    path("accounts/email/change/<str:key>/", change_address, name="account_change_address"),
    path("accounts/oidc/institution/login/", begin_institution_login),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
