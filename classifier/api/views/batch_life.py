"""Batches piece by piece: filled, closed, sorted into groups, signed and reopened."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import services
from classifier.api import batch_shapes, requests, serializers
from classifier.api.parsers import ShallowJSONParser
from classifier.api.views.base import ApiView, current_user
from classifier.models import Batch, Prediction
from classifier.services import batches, search


class OneBatchView(ApiView):
    """Something that is asked of, or done to, one batch that the person sees."""

    parser_classes: Any = (ShallowJSONParser,)

    def batch(self, pk: uuid.UUID) -> Batch:
        seen: QuerySet[Batch] = Batch.objects.with_relations().visible_to(self.request.user)
        return get_object_or_404(seen, pk=pk)

    def context(self, batch: Batch) -> dict[str, Any]:
        return {"request": self.request, "progress": Prediction.objects.progress([batch])}

    def answer(self, pk: uuid.UUID) -> Response:
        batch = self.batch(pk)
        shape = serializers.BatchSerializer(batch, context=self.context(batch))
        return Response(shape.data)


class BatchImagesView(OneBatchView):
    parser_classes = (MultiPartParser,)
    stores_images = True

    @extend_schema(
        operation_id="batches_images_list",
        request=None,
        responses=batch_shapes.BatchFileSerializer(many=True),
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What was sent for a batch piece by piece so far; the rest is what it still lacks."""
        files = self.batch(pk).files.select_related("image").order_by("pk")
        return Response(batch_shapes.BatchFileSerializer(files, many=True).data)

    @extend_schema(
        operation_id="batches_images_create",
        request={"multipart/form-data": requests.AddedFilesRequestSerializer},
        responses=batch_shapes.AddedFilesSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Add some images to an open batch; they are queued at once. Safe to repeat.

        An image that came before under the same key is passed over. `files` says what became of
        each, and names the results that you have of identical ones.
        """
        batch, owner = self.batch(pk), current_user(request)
        fields = requests.valid(requests.AddedFilesRequestSerializer, request.data)
        added = services.add_files(owner=owner, batch=batch, files=requests.added_files(fields))
        images = [each.image for each in added if each.image]
        identical = services.identical_results(
            owner=owner,
            images=images,
            trained_models=list(batch.trained_models.all()),
            look=batches.look_of(batch),
        )
        batch = self.batch(pk)
        context = {**self.context(batch), "files": added, "identical": identical}
        return Response(batch_shapes.AddedFilesSerializer(batch, context=context).data)


class CloseView(OneBatchView):
    @extend_schema(
        operation_id="batches_close", request=None, responses=serializers.BatchSerializer
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say that all images of a batch are there. Safe to repeat."""
        services.close_batch(person=current_user(request), batch=self.batch(pk))
        return self.answer(pk)


class GroupsView(OneBatchView):
    @extend_schema(
        operation_id="batches_groups",
        request=None,
        responses=batch_shapes.GroupsSerializer,
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """The groups of a batch with their numbers; `predictions/?batch=&group=` lists each."""
        kept = self.batch(pk).predictions.kept()
        found = search.groups(kept, most=search.MOST_IN_BATCH)
        return Response(batch_shapes.GroupsSerializer(found).data)


class ChangesView(OneBatchView):
    @extend_schema(
        operation_id="batches_changes",
        parameters=[batch_shapes.ChangesRequestSerializer],
        responses=batch_shapes.ChangesSerializer,
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What finished, was reviewed or was deleted in a batch since a moment."""
        batch = self.batch(pk)
        since = requests.valid_query(batch_shapes.ChangesRequestSerializer, request)
        found = search.changes(batch, since["since"])
        shape = batch_shapes.ChangesSerializer(found, context={"request": request})
        return Response(shape.data)


class SignView(OneBatchView):
    @extend_schema(operation_id="batches_sign", request=None, responses=serializers.BatchSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Lock a batch, once all that the model would not decide alone has been looked at."""
        services.sign(person=current_user(request), batch=self.batch(pk))
        return self.answer(pk)


class ReopenView(OneBatchView):
    @extend_schema(
        operation_id="batches_reopen",
        request=batch_shapes.ReopenSerializer,
        responses=serializers.BatchSerializer,
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Unlock a signed batch, with a reason; for administrators."""
        batch, person = self.batch(pk), current_user(request)
        reason = requests.valid(batch_shapes.ReopenSerializer, request.data)["reason"]
        services.reopen(person=person, batch=batch, reason=reason)
        return self.answer(pk)


class SignOffsView(OneBatchView):
    @extend_schema(
        operation_id="batches_sign_offs", responses=batch_shapes.SignOffSerializer(many=True)
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Who signed and reopened a batch, when, and what its counts were."""
        steps = self.batch(pk).sign_offs.select_related("person")
        return Response(batch_shapes.SignOffSerializer(steps, many=True).data)
