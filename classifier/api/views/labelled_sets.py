"""Labelled sets and validations."""

import uuid
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

from django.contrib.staticfiles import finders
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import labelled_shapes as shapes
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import (
    AddedFilesRequestSerializer,
    DeletionSerializer,
    added_files,
    valid,
    valid_query,
)
from classifier.api.views.base import ApiView, ask_before_deleting, current_user
from classifier.api.views.projects import visible_project
from classifier.models import Batch, LabelledImage, LabelledSet, Validation
from classifier.preprocessing import Crop
from classifier.services import labelled_sets, validations
from classifier.services.tables import read_table
from classifier.validation.checklists import claim_rows, model_card_rows
from classifier.web.validation_page import page_of

LISTED: Final = 200
SHEETS: Final = ("tokens", "base", "controls", "models", "report", "validation")


class SetView(ApiView):
    """A labelled set, as seen by who may see it."""

    parser_classes: Any = (ShallowJSONParser,)

    def labelled_set(self, pk: uuid.UUID) -> LabelledSet:
        seen = LabelledSet.objects.visible_to(current_user(self.request))
        return get_object_or_404(seen.select_related("owner", "project"), pk=pk)

    def answer(self, row: LabelledSet, *, status: int = 200) -> Response:
        shape = shapes.LabelledSetSerializer(row, context={"request": self.request})
        location = {"Location": shape.data["url"]} if status == 201 else {}
        return Response(shape.data, status=status, headers=location)


class SetsView(SetView):
    @extend_schema(
        operation_id="labelled_sets_list",
        parameters=[shapes.LabelledSetsQuerySerializer],
        responses=shapes.LabelledSetSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Your labelled sets, or those of a project; the newest 200."""
        asked = valid_query(shapes.LabelledSetsQuerySerializer, request)
        project = visible_project(request, asked.get("project"))
        found = LabelledSet.objects.listed_for(current_user(request), project)
        rows = found.select_related("owner")[:LISTED]
        context = {"request": request}
        return Response(shapes.LabelledSetSerializer(rows, many=True, context=context).data)

    @extend_schema(
        operation_id="labelled_sets_create",
        request=shapes.LabelledSetRequestSerializer,
        responses={201: shapes.LabelledSetSerializer},
    )
    def post(self, request: Request) -> Response:
        """Open a set for images that you send afterwards, or make one of a batch's reviews."""
        person = current_user(request)
        fields = valid(shapes.LabelledSetRequestSerializer, request.data, person)
        if fields.get("batch"):
            batches = Batch.objects.visible_to(person)
            batch = get_object_or_404(batches, pk=fields["batch"])
            made = labelled_sets.set_of_reviews(
                person=current_user(request), batch=batch, name=fields["name"]
            )
        else:
            made = labelled_sets.open_set(
                owner=current_user(request),
                name=fields["name"],
                dataset=fields["dataset"],
                crop=Crop(fields["crop"]),
                project=visible_project(request, fields.get("project")),
            )
        return self.answer(made, status=201)


class OneSetView(SetView):
    @extend_schema(operation_id="labelled_sets_retrieve", responses=shapes.LabelledSetSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """A labelled set with its classes."""
        return self.answer(self.labelled_set(pk))

    @extend_schema(
        operation_id="labelled_sets_destroy",
        parameters=[DeletionSerializer],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Delete a set with its validations, and its images where nothing else needs them."""
        row = self.labelled_set(pk)
        ask_before_deleting(request, row.images.values("image"))
        labelled_sets.delete_set(person=current_user(request), labelled_set=row)
        return Response(status=204)


class SetImagesView(SetView):
    parser_classes = (MultiPartParser,)
    stores_images = True

    @extend_schema(
        operation_id="labelled_sets_images_create",
        request={"multipart/form-data": AddedFilesRequestSerializer},
        responses=shapes.AddedImagesSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Add images, or a zip of them, each by the class of the folder it lies in. Repeatable."""
        row = self.labelled_set(pk)
        fields = valid(AddedFilesRequestSerializer, request.data)
        added = labelled_sets.add_images(
            owner=current_user(request), labelled_set=row, files=added_files(fields)
        )
        return Response(shapes.AddedImagesSerializer({"files": added}).data)


class SetTableView(SetView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="labelled_sets_table",
        request={"multipart/form-data": shapes.TableRequestSerializer},
        responses=shapes.LabelledSetSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Name classes and patients by a CSV table of path, class and patient."""
        row = self.labelled_set(pk)
        table = valid(shapes.TableRequestSerializer, request.data)["table"]
        labelled_sets.take_from_table(
            person=current_user(request), labelled_set=row, rows=read_table(table.read())
        )
        return self.answer(row)


class SetConfirmView(SetView):
    @extend_schema(
        operation_id="labelled_sets_confirm",
        request=shapes.ConfirmSerializer,
        responses=shapes.LabelledSetSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say which class each given name stands for; from then on the set can be validated on."""
        row, person = self.labelled_set(pk), current_user(request)
        fields = valid(shapes.ConfirmSerializer, request.data)
        if "class_level" in fields or "group_level" in fields:
            labelled_sets.take_from_folders(
                person=person,
                labelled_set=row,
                class_level=fields.get("class_level", 0),
                group_level=fields.get("group_level"),
            )
        proposed = {each.name: each.proposed for each in labelled_sets.given_names(row)}
        names = fields.get("names", proposed)
        labelled_sets.confirm(person=person, labelled_set=row, names=names)
        return self.answer(self.labelled_set(pk))


class SetDoubtsView(SetView):
    @extend_schema(operation_id="labelled_sets_doubts", responses=shapes.DoubtSerializer(many=True))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Images whose label may be wrong, and that nobody has settled."""
        doubtful = self.labelled_set(pk).images.doubtful().in_order()
        return Response(shapes.DoubtSerializer(doubtful, many=True).data)


class SetLabelView(SetView):
    @extend_schema(
        operation_id="labelled_sets_settle",
        request=shapes.LabelRequestSerializer,
        responses=shapes.DoubtSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID, number: int) -> Response:
        """Settle what an image is."""
        image = get_object_or_404(self.labelled_set(pk).images, pk=number)
        label = valid(shapes.LabelRequestSerializer, request.data)["label"]
        labelled_sets.settle(person=current_user(request), image=image, label=label)
        return Response(shapes.DoubtSerializer(LabelledImage.objects.get(pk=number)).data)


class ValidationView(ApiView):
    """A validation, as seen by who may see its set."""

    parser_classes = (ShallowJSONParser,)

    def validation(self, pk: uuid.UUID) -> Validation:
        seen = Validation.objects.visible_to(current_user(self.request)).with_relations()
        return get_object_or_404(seen, pk=pk)

    def data(self, rows: Any) -> Any:
        context, many = {"request": self.request}, isinstance(rows, list)
        return shapes.ValidationSerializer(rows, many=many, context=context).data


class ValidationsView(ValidationView):
    @extend_schema(
        operation_id="validations_list",
        parameters=[shapes.ValidationsQuerySerializer],
        responses=shapes.ValidationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The validations that you see, the newest 200."""
        found = Validation.objects.visible_to(current_user(request)).with_relations()
        asked = valid_query(shapes.ValidationsQuerySerializer, request)
        if "labelled_set" in asked:
            found = found.filter(labelled_set=asked["labelled_set"])
        return Response(self.data(list(found[:LISTED])))

    @extend_schema(
        operation_id="validations_create",
        request=shapes.ValidationRequestSerializer,
        responses={202: shapes.ValidationSerializer(many=True)},
    )
    def post(self, request: Request) -> Response:
        """Measure one or several models on a labelled set; ask for each until it has ended."""
        person = self.request.user
        fields = valid(shapes.ValidationRequestSerializer, request.data, person)
        seen = LabelledSet.objects.visible_to(person)
        row = get_object_or_404(seen, pk=fields["labelled_set"])
        made = validations.validate(
            person=current_user(request), labelled_set=row, trained_models=fields["model"]
        )
        return Response(self.data(made), status=202)


class OneValidationView(ValidationView):
    @extend_schema(operation_id="validations_retrieve", responses=shapes.ValidationSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """How far a validation is, and its figures."""
        return Response(self.data(self.validation(pk)))

    @extend_schema(operation_id="validations_destroy", request=None, responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Delete a validation; its set stays."""
        validations.delete_validation(person=current_user(request), validation=self.validation(pk))
        return Response(status=204)


class ValidationAgainView(ValidationView):
    @extend_schema(
        operation_id="validations_again", request=None, responses=shapes.ValidationSerializer
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Work the figures out anew, as after labels were settled."""
        row = self.validation(pk)
        validations.work_out_again(person=current_user(request), validation=row)
        return Response(self.data(self.validation(pk)))


class ValidationPageView(ValidationView):
    @extend_schema(
        operation_id="validations_report_html",
        responses={(200, "text/html"): OpenApiTypes.STR},
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponse:
        """The report made for print, as one file; 404 until the figures are there."""
        row = self.validation(pk)
        if row.report is None:
            raise Http404
        page, described = page_of(row, request.query_params), row.trained_model.described
        found = [finders.find(f"css/{name}.css") for name in SHEETS]
        style = b"".join(Path(path).read_bytes() for path in found if path)
        context = {
            "base": "partials/standalone.html",
            "style": b64encode(style).decode("ascii"),
            "validation": row,
            "labelled_set": row.labelled_set,
            "page": page,
            "claim": claim_rows(page.report, described),
            "card": model_card_rows(page.report, described),
        }
        text = render_to_string("web/validation_report.html", context, request._request)
        name = f"validation-{row.trained_model.slug}-{str(row.pk)[:8]}.html"
        return HttpResponse(text, headers={"Content-Disposition": f'attachment; filename="{name}"'})


class ValidationReportView(ValidationView):
    @extend_schema(operation_id="validations_report_json", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """All figures with their intervals, to keep; 404 until they are there."""
        row = self.validation(pk)
        if row.report is None:
            raise Http404
        name = f"validation-{row.trained_model.slug}-{str(row.pk)[:8]}.json"
        return Response(
            row.report, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )
