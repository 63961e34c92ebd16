"""A batch in figures: its differential count, and how far its blind readers agree."""

import uuid
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import figure_shapes
from classifier.api.views.batch_life import OneBatchView
from classifier.services import gallery
from classifier.services.agreement import batch_agreement
from classifier.services.differential import batch_differential

MODEL = OpenApiParameter("model", description="Slug; needed where several models answered.")


class DifferentialView(OneBatchView):
    @extend_schema(
        operation_id="batches_differential",
        parameters=[MODEL],
        responses=figure_shapes.DifferentialSerializer,
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """How the cells of a batch divide into types, with 95 % intervals.

        Reviewed cells count as named, the others as the model answered, corrected for its
        confusion. 404 where the images show no such cells.
        """
        found = self.batch(pk).predictions.kept()
        models = {model.slug: model for model in gallery.models_of(found)}
        slug: Any = request.query_params.get("model", next(iter(models), ""))
        if slug not in models:
            raise Http404
        model = get_object_or_404(type(models[slug]), slug=slug)
        count = batch_differential(found, model)
        if count is None:
            raise Http404
        shape = figure_shapes.DifferentialSerializer({**vars(count), "model": slug})
        return Response(shape.data)


class AgreementView(OneBatchView):
    @extend_schema(operation_id="batches_agreement", responses=figure_shapes.AgreementSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """How far the blind readers of a batch agree, with each other and with its models."""
        found = batch_agreement(self.batch(pk))
        return Response(figure_shapes.AgreementSerializer(found).data)
