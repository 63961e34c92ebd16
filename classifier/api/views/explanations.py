"""Where in an image a model found what speaks for its answer."""

import hashlib
import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import services
from classifier.api.explanation_shapes import ExplanationRequestSerializer, ExplanationSerializer
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid
from classifier.api.views.base import ApiView, accepted, current_user
from classifier.api.views.images import PNG
from classifier.models import Explanation, Method, Prediction, Status
from classifier.services.explanations import obstacle


class ExplanationsView(ApiView):
    parser_classes = (ShallowJSONParser,)

    @extend_schema(
        operation_id="predictions_explanations_list",
        responses=ExplanationSerializer(many=True),
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """The explanations that were asked for, one for each method at most."""
        prediction = visible_prediction(request, pk)
        known = _shown(prediction)
        shape = ExplanationSerializer(known, many=True, context={"request": request})
        return Response(shape.data)

    @extend_schema(
        operation_id="predictions_explanations_create",
        request=ExplanationRequestSerializer,
        responses=dict.fromkeys((200, 202), ExplanationSerializer),
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Ask for the map of a method. Asked again, it is the same one; a failed one is retried.

        Refused with 409 where the method did not pass its check for the model.
        """
        prediction = visible_prediction(request, pk)
        asked: dict[str, Any] = valid(ExplanationRequestSerializer, request.data)
        made = services.explain(
            asked_by=current_user(request), prediction=prediction, method=Method(asked["method"])
        )
        body = ExplanationSerializer(made, context={"request": request}).data
        return accepted(body, finished=made.is_finished)


class ExplanationView(ApiView):
    @extend_schema(
        operation_id="predictions_explanations_retrieve", responses=ExplanationSerializer
    )
    def get(self, request: Request, pk: uuid.UUID, method: str) -> Response:
        """One method's explanation and how far it is."""
        known = get_object_or_404(_shown(visible_prediction(request, pk)), method=method)
        return Response(ExplanationSerializer(known, context={"request": request}).data)


class ExplanationMapView(ApiView):
    """A map as a grey PNG over the pixels that the model saw.

    255 where most speaks for the class, 0 everywhere where the method finds nothing.
    """

    @extend_schema(
        operation_id="predictions_explanations_map", responses={(200, PNG): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, pk: uuid.UUID, method: str) -> HttpResponse:
        prediction = visible_prediction(request, pk)
        done = _shown(prediction).filter(status=Status.SUCCESS)
        data = bytes(get_object_or_404(done, method=method).map or b"")
        if obstacle(prediction, Method(method)):
            raise NotFound("This map is not shown: its method did not pass its check.")
        tag = hashlib.sha256(data).hexdigest()[:32]
        return HttpResponse(data, content_type=PNG, headers={"ETag": f'"{tag}"'})


def visible_prediction(request: Request, pk: uuid.UUID) -> Prediction:
    seen = Prediction.objects.visible_to(request.user).with_relations()
    return get_object_or_404(seen, pk=pk)


def _shown(prediction: Prediction) -> QuerySet[Explanation]:
    return prediction.explanations.select_related("prediction__trained_model")
