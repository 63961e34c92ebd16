"""The models that can be chosen."""

from django.db.models import QuerySet
from rest_framework import viewsets

from classifier.api import serializers
from classifier.api.views.base import ApiView
from classifier.models import TrainedModel


class ModelViewSet(ApiView, viewsets.ReadOnlyModelViewSet[TrainedModel]):
    """The models that can be chosen."""

    queryset = TrainedModel.objects.in_display_order()
    lookup_field = "slug"
    lookup_value_regex = r"[-\w]+"
    pagination_class = None

    def get_queryset(self) -> QuerySet[TrainedModel]:
        return TrainedModel.objects.choosable_by(self.request.user).in_display_order()

    def get_serializer_class(self) -> type[serializers.TrainedModelSerializer]:
        if self.action == "retrieve":
            return serializers.TrainedModelDetailSerializer
        return serializers.TrainedModelSerializer
