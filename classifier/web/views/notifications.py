"""What a person is told of: mails by choice, and webhooks with their log."""

import uuid
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.models import Event, MailChoice, Webhook, WebhookDelivery
from classifier.notifications.addresses import AddressRefused, check_url
from classifier.services import NotAllowed, webhooks

# Shown on the next page, once.
SESSION_KEY: Final = "new_webhook_secret"
LOG_SHOWN: Final = 50


class MailForm(forms.ModelForm):
    class Meta:
        model = MailChoice
        fields = ("on_batches", "on_alarms")

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not person.is_staff:
            del self.fields["on_alarms"]


class WebhookForm(forms.ModelForm):
    events = forms.MultipleChoiceField(
        label="Tell it when",
        choices=Event.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Event.BATCH.value],
    )

    class Meta:
        model = Webhook
        fields = ("url", "events", "names_files", "is_active")

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        events = cast(forms.MultipleChoiceField, self.fields["events"])
        if self.instance.pk:
            events.initial = self.instance.events
        else:
            del self.fields["is_active"]
        if not person.is_staff:
            events.choices = [each for each in Event.choices if each[0] != Event.ALARM]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_url(url)
        except AddressRefused as error:
            raise forms.ValidationError(str(error)) from error
        return url


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: HttpRequest) -> HttpResponse:
    """The choice of mails, and one's webhooks; a POST stores the choice."""
    person = cast(User, request.user)
    choice = MailChoice.objects.filter(user=person).first() or MailChoice(user=person)
    # Nothing chosen is a choice too, and may be all that is sent.
    sent = request.POST if request.method == "POST" else None
    form = MailForm(sent, instance=choice, person=person)
    if form.is_valid():
        form.save()
        messages.success(request, "Your choice was kept.")
        return redirect("web:notifications")
    context = {"form": form, "webhooks": person.webhooks.all()}
    return render(request, "web/notifications.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a webhook. Its secret is on the page after the redirect, once."""
    return _edit(request, Webhook(owner=cast(User, request.user)), "web/webhook_new.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """A webhook with its log; a POST changes it."""
    return _edit(request, _own(request, pk), "web/webhook.html")


def _edit(request: HttpRequest, found: Webhook, template: str) -> HttpResponse:
    person, is_new = cast(User, request.user), found.pk is None
    form = WebhookForm(request.POST or None, instance=found, person=person)
    if request.method == "POST" and form.is_valid():
        try:
            webhooks.save(found, owner=person, events=form.cleaned_data["events"])
        except NotAllowed as refusal:
            form.add_error(None, str(refusal))
        else:
            if is_new:
                request.session[SESSION_KEY] = found.secret
            else:
                messages.success(request, "The webhook was changed.")
            return redirect("web:webhook", found.pk)
    context = {
        "form": form,
        "webhook": found,
        "secret": request.session.pop(SESSION_KEY, "") if not is_new else "",
        "deliveries": [] if is_new else found.deliveries.all()[:LOG_SHOWN],
    }
    return render(request, template, context, status=400 if form.errors else 200)


@require_POST
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    found = _own(request, pk)
    request.session[SESSION_KEY] = webhooks.rotate(found)
    return redirect("web:webhook", found.pk)


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    webhooks.delete(_own(request, pk))
    messages.success(request, "The webhook was deleted, with its log.")
    return redirect("web:notifications")


@require_POST
def send_again(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    mine = WebhookDelivery.objects.filter(webhook__owner=cast(User, request.user))
    delivery = get_object_or_404(mine, pk=pk)
    webhooks.send_again(delivery)
    messages.success(request, "The message is sent again.")
    return redirect("web:webhook", delivery.webhook_id)


def _own(request: HttpRequest, pk: int) -> Webhook:
    return get_object_or_404(Webhook, pk=pk, owner=cast(User, request.user))
