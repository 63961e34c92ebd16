"""The trash, from which what was deleted can be taken back for a while."""

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import services
from classifier.api import review_shapes
from classifier.api.filters import LastDeletedFirst
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid
from classifier.api.views.base import ApiView, current_user
from classifier.api.views.reviews import selected
from classifier.models import Prediction
from classifier.services import trash


class TrashView(ApiView, ListAPIView[Prediction]):
    serializer_class = review_shapes.TrashedSerializer
    pagination_class = LastDeletedFirst
    filter_backends = ()
    parser_classes = (ShallowJSONParser,)
    queryset = Prediction.objects.none()

    def get_queryset(self) -> QuerySet[Prediction]:
        return Prediction.objects.in_trash_of(current_user(self.request)).with_relations()

    @extend_schema(operation_id="trash_list")
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """What you deleted and can still take back, the last one first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="trash_put",
        request=review_shapes.SelectionSerializer,
        responses=review_shapes.NumberSerializer,
    )
    def post(self, request: Request) -> Response:
        """Delete several results at once; they can be taken back as single ones can."""
        keys = valid(review_shapes.SelectionSerializer, request.data)["predictions"]
        chosen, person = selected(request, keys), current_user(request)
        number = services.trash_predictions(person=person, predictions=chosen)
        return Response({"number": number})

    @extend_schema(
        operation_id="trash_empty", request=None, responses={200: review_shapes.NumberSerializer}
    )
    def delete(self, request: Request) -> Response:
        """Delete for good what lies there, up to 500 results at once; 0 once it is empty."""
        return Response({"number": trash.empty(owner=current_user(request))})


class RestoreView(ApiView):
    parser_classes = (ShallowJSONParser,)

    @extend_schema(
        operation_id="trash_restore",
        request=review_shapes.SelectionSerializer,
        responses=review_shapes.NumberSerializer,
    )
    def post(self, request: Request) -> Response:
        """Take results back, and the batches that they were deleted with."""
        keys = valid(review_shapes.SelectionSerializer, request.data)["predictions"]
        chosen = Prediction.objects.filter(pk__in=keys)
        number = services.restore(owner=current_user(request), predictions=chosen)
        if not number:
            raise Http404
        return Response({"number": number})
