"""For people who write programs: their tokens, and how to use the API."""

from typing import Final, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.models import ApiToken, TrainedModel

SESSION_KEY: Final = "new_api_token"
LIFETIMES: Final = (
    ("", "Until it is revoked"),
    (30, "30 days"),
    (90, "90 days"),
    (365, "A year"),
)


class TokenForm(forms.ModelForm):
    scope = forms.ChoiceField(
        label="What it may do",
        choices=ApiToken.Scope.choices,
        initial=ApiToken.Scope.WRITE,
        required=False,
    )
    days = forms.TypedChoiceField(
        label="How long it holds", choices=LIFETIMES, coerce=int, empty_value=None, required=False
    )

    class Meta:
        model = ApiToken
        fields = ("name", "scope", "days")
        help_texts: Final = {"name": "What it is for, such as “night run”."}

    def clean_scope(self) -> str:
        return self.cleaned_data["scope"] or ApiToken.Scope.WRITE


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Lists and issues tokens. A new secret is shown on the page after the redirect, once."""
    owner = cast(User, request.user)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _, secret = ApiToken.objects.issue(owner, **form.cleaned_data)
        request.session[SESSION_KEY] = secret
        return redirect("web:tokens")
    context = {
        "form": form,
        "tokens": ApiToken.objects.filter(user=owner),
        "secret": request.session.pop(SESSION_KEY, ""),
    }
    return render(request, "web/tokens.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user=cast(User, request.user))
    if request.method == "POST":
        token.delete()
        messages.success(request, f"The token “{token.name}” was revoked.")
        return redirect("web:tokens")
    return render(request, "web/revoke.html", {"token": token})


@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """Examples with the reader's own address and a model that they can choose."""
    models = TrainedModel.objects.choosable_by(request.user)
    first = models.order_by("-is_recommended", "dataset", "title").first()
    site = request.build_absolute_uri("/").rstrip("/")
    context = {"site": site, "model": first.slug if first else "MODEL"}
    return render(request, "web/guide.html", context)
