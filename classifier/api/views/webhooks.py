"""Webhooks, their secrets and their log."""

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import webhook_shapes as shapes
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid
from classifier.api.views.accounts import SecretView
from classifier.api.views.base import current_user
from classifier.models import Webhook, WebhookDelivery
from classifier.services import webhooks

LOG_SHOWN = 100


class WebhookView(SecretView):
    parser_classes = (ShallowJSONParser,)

    def webhook(self, pk: int) -> Webhook:
        return get_object_or_404(Webhook, pk=pk, owner=current_user(self.request))


class WebhooksView(WebhookView):
    @extend_schema(operation_id="webhooks_list", responses=shapes.WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your webhooks."""
        mine = Webhook.objects.filter(owner=current_user(request))
        return Response(shapes.WebhookSerializer(mine, many=True).data)

    @extend_schema(
        operation_id="webhooks_create",
        request=shapes.WebhookRequestSerializer,
        responses={201: shapes.NewWebhookSerializer},
    )
    def post(self, request: Request) -> Response:
        """Tell an address of what happens. Its secret is in this answer and in no other."""
        fields = valid(shapes.WebhookRequestSerializer, request.data)
        made = webhooks.save(
            Webhook(url=fields["url"]), owner=current_user(request), events=fields["events"]
        )
        return Response(shapes.NewWebhookSerializer(made).data, status=201)


class OneWebhookView(WebhookView):
    @extend_schema(operation_id="webhooks_retrieve", responses=shapes.WebhookSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(shapes.WebhookSerializer(self.webhook(pk)).data)

    @extend_schema(operation_id="webhooks_destroy", request=None, responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """It is told of nothing more, and its log goes with it."""
        webhooks.delete(self.webhook(pk))
        return Response(status=204)


class RotateView(WebhookView):
    @extend_schema(
        operation_id="webhooks_rotate", request=None, responses={200: shapes.SecretSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Draw a new secret; for a day messages bear a signature by each."""
        return Response({"secret": webhooks.rotate(self.webhook(pk))})


class DeliveriesView(WebhookView):
    @extend_schema(
        operation_id="webhooks_deliveries", responses=shapes.DeliverySerializer(many=True)
    )
    def get(self, request: Request, pk: int) -> Response:
        """The last hundred messages, newest first."""
        log = self.webhook(pk).deliveries.all()[:LOG_SHOWN]
        return Response(shapes.DeliverySerializer(log, many=True).data)


class SendAgainView(WebhookView):
    @extend_schema(operation_id="webhooks_send_again", request=None, responses={202: None})
    def post(self, request: Request, pk: int, delivery: uuid.UUID) -> Response:
        """Send a message again, with the same `webhook-id`."""
        log = WebhookDelivery.objects.filter(webhook=self.webhook(pk))
        webhooks.send_again(get_object_or_404(log, pk=delivery))
        return Response(status=202)
