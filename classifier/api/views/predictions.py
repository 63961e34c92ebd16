"""Predictions."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import services
from classifier.api import requests, serializers
from classifier.api.filters import ListFilters, NewestFirst, PredictionFilter, StrictOrdering
from classifier.api.views.base import (
    ApiView,
    accepted,
    ask_before_deleting,
    create_once,
    current_user,
    wait_for,
)
from classifier.api.views.projects import listed_project
from classifier.idempotency import RepeatableRequest
from classifier.models import IdempotencyKey, ImageUpload, Prediction
from classifier.preprocessing import Crop
from classifier.services import Look, incoming
from classifier.uploads.refusals import UploadRejected


class PredictionViewSet(
    ApiView,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Prediction],
):
    """Your predictions; everyone's for staff with the permission to view them."""

    queryset = Prediction.objects.none()
    answers_with_location = True
    serializer_class = serializers.PredictionSerializer
    parser_classes = (MultiPartParser,)
    pagination_class = NewestFirst
    filter_backends = (ListFilters, StrictOrdering)
    filterset_class = PredictionFilter
    ordering_fields = ("created_at", "confidence")
    lookup_value_converter = "uuid"

    def owner_id(self, prediction: Prediction) -> int:
        return int(prediction.image.owner_id)

    def get_queryset(self) -> QuerySet[Prediction]:
        if self.action == "list":
            listed = Prediction.objects.listed()
            return listed.listed_for(self.request.user, listed_project(self.request))
        return Prediction.objects.for_answers().visible_to(self.request.user)

    def retrieve(self, *args: Any, **kwargs: Any) -> Response:
        [shown] = serializers.represent([self.get_object()], self.get_serializer_context())
        return Response(shown)

    @extend_schema(
        parameters=[requests.WaitSerializer, requests.IDEMPOTENCY_KEY],
        request={"multipart/form-data": requests.PredictionRequestSerializer},
        responses=dict.fromkeys((200, 202), serializers.CreatedPredictionSerializer),
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Queue an image for one or several models; the result is at the address in Location."""
        requests.valid_query(requests.WaitSerializer, request)
        fields = requests.valid(requests.PredictionRequestSerializer, request.data, request.user)
        repeatable = requests.repeatable_request(request, fields, [fields["image"]])
        created = create_once(repeatable, self.found, lambda: self.submit(fields, repeatable))
        return self.answer(created)

    def submit(
        self, fields: dict[str, Any], repeatable: RepeatableRequest | None
    ) -> Sequence[Prediction]:
        image, models, owner = fields["image"], fields["model"], current_user(self.request)
        if image.size > settings.MAX_UPLOAD_BYTES:
            raise UploadRejected("too_many_bytes", limit=settings.MAX_UPLOAD_BYTES // 10**6)
        return services.submit_predictions(
            owner=owner,
            picture=incoming.read_upload(image, fields.get("frame")),
            trained_models=models,
            look=fields["look"],
            repeatable=repeatable,
        )

    def found(self, known: IdempotencyKey) -> Sequence[Prediction]:
        return list(known.predictions.kept().for_answers().in_order())

    def answer(self, created: Sequence[Prediction]) -> Response:
        predictions = Prediction.objects.filter(pk__in=[each.pk for each in created])
        has_waited = wait_for(self.request, predictions)
        current = predictions.kept().for_answers().in_order() if has_waited else created
        if not current:
            raise NotFound("What this request made was deleted before its answer.")
        first = current[0]
        identical = services.identical_results(
            owner=current_user(self.request),
            images=[first.image],
            trained_models=[prediction.trained_model for prediction in current],
            look=Look(
                Crop(first.crop), first.labels, first.box if first.crop == Crop.BOX else None
            ),
        )
        context = self.get_serializer_context()
        shown = serializers.represent(current, context)
        known = identical.get(current[0].image.sha256, ())
        body = {
            **shown[0],
            "predictions": shown,
            "identical": serializers.represent(known, context),
        }
        return accepted(body, finished=all(each.is_finished for each in current))

    @extend_schema(parameters=[requests.DeletionSerializer], responses={204: None}, filters=False)
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put a prediction into the trash, from which it comes back for some days."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: Prediction) -> None:
        ask_before_deleting(self.request, ImageUpload.objects.filter(pk=instance.image_id))
        chosen = Prediction.objects.filter(pk=instance.pk)
        services.trash_predictions(person=current_user(self.request), predictions=chosen)
