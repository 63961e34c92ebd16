"""Searches in numbers, searches that are kept, and taking along what they find."""

from typing import Any, cast

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import audit, services
from classifier.api import batch_shapes, exports, requests, review_shapes, serializers
from classifier.api.filters import PredictionFilter
from classifier.api.parsers import ShallowJSONParser
from classifier.api.views.base import ApiView, current_user
from classifier.api.views.projects import listed_project
from classifier.api.views.reviews import selected
from classifier.models import Prediction, PredictionQuerySet, SavedView
from classifier.services import search


class SearchView(ApiView, GenericAPIView[Prediction]):
    """Something about all that a search finds."""

    queryset = Prediction.objects.none()
    filter_backends = (DjangoFilterBackend,)
    filterset_class = PredictionFilter
    pagination_class = None

    def found(self) -> PredictionQuerySet:
        """Raises ValidationError for filters that make no sense."""
        person, project = current_user(self.request), listed_project(self.request)
        rows = Prediction.objects.listed_for(person, project)
        return cast(PredictionQuerySet, self.filter_queryset(rows))


class FacetsView(SearchView):
    @extend_schema(
        operation_id="predictions_facets", filters=True, responses=batch_shapes.FacetsSerializer
    )
    def get(self, request: Request) -> Response:
        """How many of the newest results of a search there are of each kind."""
        return Response(batch_shapes.FacetsSerializer(search.facets(self.found())).data)


class SearchGroupsView(SearchView):
    @extend_schema(
        operation_id="predictions_groups", filters=True, responses=batch_shapes.GroupsSerializer
    )
    def get(self, request: Request) -> Response:
        """The groups of a gallery of what a search finds."""
        return Response(batch_shapes.GroupsSerializer(search.groups(self.found())).data)


class ExportView(SearchView):
    """One kind of file; streamed, so that a large one is never in memory as a whole."""

    def has_etag(self) -> bool:
        return False

    def file(self, kind: exports.Kind) -> HttpResponseBase:
        predictions = self.found()
        # Not the search itself: people search for names of files.
        filters = sorted(set(self.filterset_class.base_filters) & set(self.request.query_params))
        audit.record(audit.Action.EXPORTED, kind=kind.extension, filters=filters)
        return StreamingHttpResponse(
            kind.pieces(predictions, {"request": self.request}),
            content_type=kind.content_type,
            headers={"Content-Disposition": f'attachment; filename="results.{kind.extension}"'},
        )


class CsvExportView(ExportView):
    @extend_schema(
        operation_id="predictions_export_csv",
        filters=True,
        responses={(200, exports.CSV.content_type): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What a search finds, as a table that spreadsheets open; with what people said."""
        return self.file(exports.CSV)


class JsonExportView(ExportView):
    @extend_schema(
        operation_id="predictions_export_json",
        filters=True,
        responses=serializers.PredictionSerializer(many=True),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What a search finds, as a list of results."""
        return self.file(exports.JSON)


class ZipExportView(ExportView):
    @extend_schema(
        operation_id="predictions_export_zip",
        filters=True,
        responses={(200, exports.ZIP.content_type): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The images that a search finds, in a folder for each class, with `labels.csv`."""
        return self.file(exports.ZIP)


class RunAgainView(ApiView):
    parser_classes = (ShallowJSONParser,)

    @extend_schema(
        operation_id="predictions_run_again",
        request=requests.RunAgainSerializer,
        responses=review_shapes.NumberSerializer,
    )
    def post(self, request: Request) -> Response:
        """Run the images of several results of your own through a model."""
        fields = requests.valid(requests.RunAgainSerializer, request.data, request.user)
        chosen = selected(request, fields["predictions"])
        number = services.run_again(
            owner=current_user(request), predictions=chosen, trained_model=fields["model"]
        )
        return Response({"number": number})


class SavedViewsView(ApiView):
    parser_classes = (ShallowJSONParser,)

    @extend_schema(operation_id="views_list", responses=batch_shapes.SavedViewSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The searches that you keep."""
        mine = SavedView.objects.filter(owner=current_user(request))
        return Response(batch_shapes.SavedViewSerializer(mine, many=True).data)

    @extend_schema(
        operation_id="views_create",
        request=batch_shapes.SavedViewSerializer,
        responses={201: batch_shapes.SavedViewSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep a search by a name; one of the same name is replaced."""
        fields: dict[str, Any] = requests.valid(batch_shapes.SavedViewSerializer, request.data)
        kept, _ = SavedView.objects.update_or_create(
            owner=current_user(request), name=fields["name"], defaults={"query": fields["query"]}
        )
        return Response(batch_shapes.SavedViewSerializer(kept).data, status=201)


class SavedViewView(ApiView):
    @extend_schema(operation_id="views_destroy", request=None, responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Keep a search no longer."""
        get_object_or_404(SavedView, pk=pk, owner=current_user(request)).delete()
        return Response(status=204)
