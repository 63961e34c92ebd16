"""Reviews: what people say of the model's answers."""

import uuid
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import services
from classifier.api import review_shapes
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid
from classifier.api.views.base import ApiView, current_user
from classifier.models import Batch, Prediction, PredictionQuerySet
from classifier.services.reviews import Step


def selected(request: Request, keys: list[uuid.UUID]) -> PredictionQuerySet:
    """Those of the selection that the person sees. Raises Http404 where that is none."""
    chosen = Prediction.objects.visible_to(current_user(request)).filter(pk__in=keys)
    if not chosen.exists():
        raise Http404
    return chosen


class ReviewView(ApiView):
    parser_classes = (ShallowJSONParser,)

    def answer(self, step: Step) -> Response:
        shape = review_shapes.StepSerializer(step, context={"request": self.request})
        return Response(shape.data)


class PredictionReviewsView(ReviewView):
    @extend_schema(
        operation_id="predictions_reviews_list",
        responses=review_shapes.ReviewSerializer(many=True),
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Every step about a prediction, the first one first; none is ever changed."""
        seen = Prediction.objects.visible_to(current_user(request))
        prediction = get_object_or_404(seen, pk=pk)
        steps = prediction.reviews.filter(assignment=None).select_related("reader")
        return Response(review_shapes.ReviewSerializer(steps, many=True).data)

    @extend_schema(
        operation_id="predictions_reviews_create",
        request=review_shapes.ReviewRequestSerializer,
        responses=review_shapes.StepSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say what an image is. The model's answer stays beside it."""
        chosen = selected(request, [pk])
        said: dict[str, Any] = valid(review_shapes.ReviewRequestSerializer, request.data)
        return self.answer(
            services.review(reader=current_user(request), predictions=chosen, **said)
        )


class ReviewsView(ReviewView):
    @extend_schema(
        operation_id="reviews_create",
        request=review_shapes.BulkReviewRequestSerializer,
        responses=review_shapes.StepSerializer,
    )
    def post(self, request: Request) -> Response:
        """Say what all images of a selection are, or confirm the model's answers, in one step."""
        said: dict[str, Any] = valid(review_shapes.BulkReviewRequestSerializer, request.data)
        chosen = selected(request, said.pop("predictions"))
        return self.answer(
            services.review(reader=current_user(request), predictions=chosen, **said)
        )


class UndoView(ReviewView):
    @extend_schema(
        operation_id="reviews_undo",
        request=review_shapes.UndoRequestSerializer,
        responses=review_shapes.StepSerializer,
    )
    def post(self, request: Request) -> Response:
        """Take back your last step that still holds anywhere."""
        batch = self.asked_batch(request)
        return self.answer(services.undo(reader=current_user(request), batch=batch))

    def asked_batch(self, request: Request) -> Batch | None:
        pk = valid(review_shapes.UndoRequestSerializer, request.data).get("batch")
        seen = Batch.objects.visible_to(current_user(request))
        return get_object_or_404(seen, pk=pk) if pk else None


class RedoView(UndoView):
    @extend_schema(
        operation_id="reviews_redo",
        request=review_shapes.UndoRequestSerializer,
        responses=review_shapes.StepSerializer,
    )
    def post(self, request: Request) -> Response:
        """Take back your last undo, unless you went on with something else since."""
        batch = self.asked_batch(request)
        return self.answer(services.redo(reader=current_user(request), batch=batch))
