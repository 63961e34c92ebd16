"""Adaptations, and the models of one's own."""

import uuid
from typing import Any, Final

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import adaptation_shapes as shapes
from classifier.api.errors import PROBLEM_TYPE
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid, valid_query
from classifier.api.serializers import ProblemSerializer
from classifier.api.views.base import ApiView, current_user
from classifier.models import Adaptation, LabelledSet, ModelImport, TrainedModel
from classifier.services import adaptations, own_models

LISTED: Final = 200
ZIP: Final = "application/zip"


class AdaptationView(ApiView):
    """An adaptation, as seen by its owner and their project."""

    parser_classes = (ShallowJSONParser,)

    def adaptation(self, pk: uuid.UUID) -> Adaptation:
        seen = Adaptation.objects.visible_to(current_user(self.request)).with_relations()
        return get_object_or_404(seen, pk=pk)

    def data(self, rows: Any) -> Any:
        context, many = {"request": self.request}, isinstance(rows, list)
        return shapes.AdaptationSerializer(rows, many=many, context=context).data


class AdaptationsView(AdaptationView):
    @extend_schema(
        operation_id="adaptations_list",
        parameters=[shapes.AdaptationsQuerySerializer],
        responses=shapes.AdaptationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The adaptations that you see, the newest 200."""
        found = Adaptation.objects.visible_to(current_user(request)).with_relations()
        asked = valid_query(shapes.AdaptationsQuerySerializer, request)
        if "labelled_set" in asked:
            found = found.filter(labelled_set=asked["labelled_set"])
        return Response(self.data(list(found[:LISTED])))

    @extend_schema(
        operation_id="adaptations_create",
        request=shapes.AdaptationRequestSerializer,
        responses={202: shapes.AdaptationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Adapt a model to a labelled set; ask for it until it has ended."""
        person = current_user(request)
        fields = valid(shapes.AdaptationRequestSerializer, request.data, person)
        seen = LabelledSet.objects.visible_to(person)
        made = adaptations.adapt(
            person=person,
            labelled_set=get_object_or_404(seen, pk=fields["labelled_set"]),
            trained_model=fields["model"],
            title=fields["title"],
            coverage=fields["coverage"],
            own_classes=fields["own_classes"],
        )
        return Response(self.data(made), status=202)


class OneAdaptationView(AdaptationView):
    @extend_schema(operation_id="adaptations_retrieve", responses=shapes.AdaptationSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """How far an adaptation is, and its figures."""
        return Response(self.data(self.adaptation(pk)))

    @extend_schema(operation_id="adaptations_destroy", request=None, responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Stop and delete an adaptation, with the model that came of it; what it answered stays."""
        row = self.adaptation(pk)
        adaptations.delete_adaptation(person=current_user(request), adaptation=row)
        return Response(status=204)


class AdaptationAgainView(AdaptationView):
    @extend_schema(
        operation_id="adaptations_again", request=None, responses=shapes.AdaptationSerializer
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Try once more what failed."""
        row = self.adaptation(pk)
        adaptations.try_again(person=current_user(request), adaptation=row)
        return Response(self.data(self.adaptation(pk)))


class AdaptationUseView(AdaptationView):
    @extend_schema(
        operation_id="adaptations_use", request=None, responses=shapes.AdaptationSerializer
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a model be chosen that was not proposed."""
        row = self.adaptation(pk)
        adaptations.use_anyway(person=current_user(request), adaptation=row)
        return Response(self.data(self.adaptation(pk)))


class ModelPackageView(ApiView):
    def has_etag(self) -> bool:
        return False

    @extend_schema(
        operation_id="models_package",
        responses={(200, ZIP): OpenApiTypes.BINARY, (409, PROBLEM_TYPE): ProblemSerializer},
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """A model as one file with checksums, which an import takes elsewhere."""
        seen = TrainedModel.objects.visible_to(current_user(request)).filter(is_installed=True)
        model = get_object_or_404(seen, slug=slug)
        file = own_models.packed(model)
        return FileResponse(file, as_attachment=True, filename=f"{slug}.zip", content_type=ZIP)


class ModelImportsView(ApiView):
    parser_classes = (MultiPartParser,)
    stores_images = True

    @extend_schema(
        operation_id="model_imports_create",
        request={"multipart/form-data": shapes.ModelImportRequestSerializer},
        responses={202: shapes.ModelImportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Import a model that was exported elsewhere; ask for it until it has been checked."""
        upload = valid(shapes.ModelImportRequestSerializer, request.data)["file"]
        row = own_models.import_model(person=current_user(request), upload=upload)
        shape = shapes.ModelImportSerializer(row, context={"request": request})
        return Response(shape.data, status=202)


class OneModelImportView(ApiView):
    @extend_schema(operation_id="model_imports_retrieve", responses=shapes.ModelImportSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Whether an imported file holds, and its model."""
        seen = ModelImport.objects.visible_to(current_user(request)).with_relations()
        row = get_object_or_404(seen, pk=pk)
        return Response(shapes.ModelImportSerializer(row, context={"request": request}).data)
