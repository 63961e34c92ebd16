"""What the API takes and gives about webhooks."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from rest_framework import serializers

from classifier.api.requests import TextField
from classifier.models import Event, Webhook, WebhookDelivery
from classifier.notifications.addresses import AddressRefused, check_url

NO_URL: Final = "This is not an address of the web."


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    events = serializers.ListField(child=serializers.ChoiceField(Event.choices))

    class Meta:
        model = Webhook
        fields = ("id", "url", "events", "names_files", "is_active", "created_at")


class NewWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Shown once. It signs every message.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Shown once. The old one signs beside it for a day.")


class WebhookRequestSerializer(serializers.Serializer[Any]):
    url = TextField(r"^https?://[^\s\x00]+$", max_length=500, error_messages={"invalid": NO_URL})
    events = serializers.ListField(
        child=serializers.ChoiceField(Event.choices), min_length=1, max_length=len(Event)
    )

    def validate_url(self, url: str) -> str:
        try:
            URLValidator(("https", "http"))(url)
            check_url(url)
        except ValidationError as error:
            raise serializers.ValidationError(NO_URL) from error
        except AddressRefused as error:
            raise serializers.ValidationError(str(error)) from error
        return url


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    webhook_id = serializers.CharField(
        source="message_id", help_text="The header `webhook-id`, the same at each try."
    )

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "webhook_id", "event", "status", "attempts", "due_at", "response_status",
            "error_message", "created_at", "finished_at",
        )  # fmt: skip
