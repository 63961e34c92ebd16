"""Blind reading: batches given to readers, who see the model's answers to what they have said."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import review_shapes
from classifier.api.filters import InOrder
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid
from classifier.api.views.base import ApiView, current_user
from classifier.models import Assignment, Batch, Prediction
from classifier.services import readings


def own_assignment(request: Request, pk: uuid.UUID) -> Assignment:
    """One of the person's own that has not ended. Raises Http404."""
    mine = Assignment.objects.hiding_from(current_user(request)).select_related("batch", "reader")
    return get_object_or_404(mine.filter(batch__deleted_at=None), pk=pk)


class AssignmentsView(ApiView):
    parser_classes = (ShallowJSONParser,)

    def batch(self, pk: uuid.UUID) -> Batch:
        return get_object_or_404(Batch.objects.visible_to(current_user(self.request)), pk=pk)

    @extend_schema(
        operation_id="batches_assignments_list",
        responses=review_shapes.AssignmentSerializer(many=True),
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """To whom a batch was given to read blindly, also those who are done."""
        given = self.batch(pk).assignments.select_related("reader")
        return Response(review_shapes.AssignmentSerializer(given, many=True).data)

    @extend_schema(
        operation_id="batches_assignments_create",
        request=review_shapes.AssignmentRequestSerializer,
        responses={201: review_shapes.AssignmentSerializer},
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Give a batch to a reader, from whom the model's answers are then hidden."""
        batch, person = self.batch(pk), current_user(request)
        username = valid(review_shapes.AssignmentRequestSerializer, request.data)["reader"]
        given = readings.assign(person=person, batch=batch, username=username)
        return Response(review_shapes.AssignmentSerializer(given).data, status=201)


class AssignmentView(ApiView):
    @extend_schema(operation_id="assignments_destroy", request=None, responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """End a reading: as its reader, who is done, or as the owner of the batch."""
        person = current_user(request)
        assignment = Assignment.objects.filter(pk=pk, reader=person).first()
        seen = Batch.objects.visible_to(person).values("pk")
        found = assignment or get_object_or_404(Assignment, pk=pk, batch__in=seen)
        readings.end(person=person, assignment=found)
        return Response(status=204)


class ReadingsView(ApiView):
    @extend_schema(
        operation_id="readings_list", responses=review_shapes.AssignmentSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """What you have been given to read."""
        mine = Assignment.objects.hiding_from(current_user(request))
        given = mine.filter(batch__deleted_at=None).select_related("reader")
        return Response(review_shapes.AssignmentSerializer(given, many=True).data)


class ReadingView(ApiView, ListAPIView[Prediction]):
    serializer_class = review_shapes.BlindPredictionSerializer
    pagination_class = InOrder
    filter_backends = ()
    parser_classes = (ShallowJSONParser,)
    queryset = Prediction.objects.none()

    def get_queryset(self) -> QuerySet[Prediction]:
        assignment = own_assignment(self.request, self.kwargs["pk"])
        return readings.to_read(assignment).select_related("image")

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """With what the reader said, which is one query for a whole page."""
        if not self.kwargs:  # asked by the schema
            return super().get_serializer(*args, **kwargs)
        assignment = own_assignment(self.request, self.kwargs["pk"])
        rows = args[0] if kwargs.get("many") else args
        answers = readings.answers(assignment, list(rows))
        kwargs["context"] = {**self.get_serializer_context(), "answers": answers}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(operation_id="readings_retrieve")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The images to read, in the order that they were sent."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="readings_answer",
        request=review_shapes.ReadingRequestSerializer,
        responses=review_shapes.BlindPredictionSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say what an image is, and see what the model said. The last of several answers counts."""
        assignment = own_assignment(request, pk)
        said = valid(review_shapes.ReadingRequestSerializer, request.data)
        prediction = get_object_or_404(self.get_queryset(), pk=said.pop("prediction"))
        reader = current_user(request)
        readings.answer(reader=reader, assignment=assignment, prediction=prediction, **said)
        return Response(self.get_serializer(prediction).data)
