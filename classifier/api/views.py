"""The REST API's views. What each one does to the data is in services."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from classifier import services
from classifier.api import serializers
from classifier.api.filters import PredictionFilter
from classifier.models import ApiToken, Prediction, TrainedModel
from classifier.registry import Crop
from classifier.upload_handlers import sent_name
from classifier.uploads import read_image

POLL_AFTER_SECONDS = 1


class NewestFirst(CursorPagination):
    ordering = "-created_at"
    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"


class TokenView(APIView):
    """Exchange a username and a password for a token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "token"

    @extend_schema(
        request=serializers.TokenRequestSerializer, responses=serializers.TokenSerializer
    )
    def post(self, request: Request) -> Response:
        serializer = serializers.TokenRequestSerializer(
            data=request.data, context={"request": request}
        )
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        _, secret = ApiToken.objects.issue(data["user"], name=data["name"])
        return Response({"token": secret})


class ModelViewSet(viewsets.ReadOnlyModelViewSet[TrainedModel]):
    """The models that can be chosen."""

    queryset = TrainedModel.objects.active().in_display_order()
    lookup_field = "slug"
    pagination_class = None

    def get_serializer_class(self) -> type[serializers.TrainedModelSerializer]:
        if self.action == "retrieve":
            return serializers.TrainedModelDetailSerializer
        return serializers.TrainedModelSerializer


class PredictionViewSet(
    mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Prediction]
):
    """Your predictions; for staff, everyone's."""

    queryset = Prediction.objects.with_relations()
    serializer_class = serializers.PredictionSerializer
    pagination_class = NewestFirst
    filterset_class = PredictionFilter

    def get_queryset(self) -> QuerySet[Prediction]:
        return Prediction.objects.with_relations().visible_to(self.request.user)

    @extend_schema(
        request={"multipart/form-data": serializers.PredictionRequestSerializer},
        responses={202: serializers.PredictionSerializer},
    )
    def create(self, request: Request) -> Response:
        """Queue an image; its result is at the address in Location a moment later."""
        serializer = serializers.PredictionRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        prediction = self.submit(serializer.validated_data)
        body = self.get_serializer(prediction).data
        headers = {"Location": body["url"], "Retry-After": str(POLL_AFTER_SECONDS)}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)

    def submit(self, data: dict[str, Any]) -> Prediction:
        picture = read_image(
            data["image"],
            filename=sent_name(data["image"]),
            size=data["image"].size,
            max_bytes=settings.MAX_UPLOAD_BYTES,
            max_pixels=settings.MAX_UPLOAD_PIXELS,
        )
        [prediction] = services.submit_predictions(
            owner=cast(User, self.request.user),
            picture=picture,
            trained_models=[data["model"]],
            crop=Crop(data["crop"]),
        )
        return prediction
