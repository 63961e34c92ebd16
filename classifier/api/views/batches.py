"""Batches: many images in one request."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier import audit, quotas, services
from classifier.api import batch_shapes, requests, results, serializers
from classifier.api.filters import BatchFilter, ListFilters, NewestFirst, StrictOrdering
from classifier.api.parsers import ShallowJSONParser
from classifier.api.views.base import (
    ApiView,
    accepted,
    ask_before_deleting,
    create_once,
    current_user,
    wait_for,
)
from classifier.api.views.projects import listed_project, visible_project
from classifier.idempotency import RepeatableRequest
from classifier.models import Batch, IdempotencyKey, Prediction
from classifier.services import batches, permissions


class BatchViewSet(
    ApiView,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Batch],
):
    """Your batches; everyone's for staff with the permission to view them."""

    queryset = Batch.objects.none()
    answers_with_location = True
    serializer_class = serializers.BatchSerializer
    pagination_class = NewestFirst
    filter_backends = (ListFilters, StrictOrdering)
    filterset_class = BatchFilter
    ordering_fields = ("created_at",)
    lookup_value_converter = "uuid"
    http_method_names = ("get", "post", "patch", "delete", "head", "options")

    def owner_id(self, batch: Batch) -> int:
        return int(batch.owner_id)

    def get_queryset(self) -> QuerySet[Batch]:
        batches = Batch.objects.with_relations()
        if self.action != "list":
            return batches.visible_to(self.request.user)
        return batches.listed_for(self.request.user, listed_project(self.request))

    def has_etag(self) -> bool:
        return self.action not in {"results_csv", "results_json"}

    def get_parsers(self) -> list[BaseParser]:
        is_change = self.request is not None and self.request.method == "PATCH"
        return [ShallowJSONParser()] if is_change else [MultiPartParser()]

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """With the progress of the batches, which is one query for a whole page of them."""
        batches: Sequence[Batch] = args[0] if kwargs.get("many") else args
        progress = Prediction.objects.progress(batches)
        kwargs["context"] = {**self.get_serializer_context(), "progress": progress}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(
        parameters=[requests.WaitSerializer, requests.IDEMPOTENCY_KEY],
        request={"multipart/form-data": requests.BatchRequestSerializer},
        responses=dict.fromkeys((200, 202), serializers.BatchSerializer),
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Queue up to 1,000 images, sent one by one or in a zip file, for one or several models.

        With `open` the batch is empty, and its images are sent piece by piece afterwards. A file
        that cannot be read is listed under `rejected`, and the others run.
        """
        requests.valid_query(requests.WaitSerializer, request)
        fields = requests.valid(requests.BatchRequestSerializer, request.data, request.user)
        archive = [fields["archive"]] if "archive" in fields else []
        sent = fields.get("images") or archive
        further = [name for name in ("name", "project", "open") if fields.get(name)]
        repeatable = requests.repeatable_request(request, fields, sent, *further)
        batch = create_once(repeatable, self.found, lambda: self.submit(fields, repeatable))
        predictions = Prediction.objects.kept().filter(batch=batch)
        if not batch.is_open:
            wait_for(request, predictions)
        finished = not batch.is_open and not predictions.unfinished().exists()
        return accepted(self.get_serializer(batch).data, finished=finished)

    def submit(self, fields: dict[str, Any], repeatable: RepeatableRequest | None) -> Batch:
        owner, models = current_user(self.request), fields["model"]
        chosen: dict[str, Any] = {
            "owner": owner,
            "trained_models": models,
            "look": fields["look"],
            "name": fields["name"],
            "project": visible_project(self.request, fields.get("project")),
            "repeatable": repeatable,
        }
        if fields["open"]:
            return services.open_batch(**chosen)
        files, byte_size = requests.sent_files(fields)
        quotas.check_submission(owner, predictions=len(files) * len(models), byte_size=byte_size)
        return services.submit_batch(files=files, **chosen)

    def found(self, known: IdempotencyKey) -> Batch:
        assert known.batch  # noqa: S101, the fingerprint holds the address, so it was a batch
        return known.batch

    @extend_schema(
        operation_id="batches_cancel",
        request=None,
        responses=serializers.BatchSerializer,
        filters=False,
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End what still waits, as FAILURE with a message that says so. What runs goes on."""
        batch = self.get_object()
        permissions.check_owns(current_user(request), batch)
        services.cancel_waiting(batch=batch)
        return Response(self.get_serializer(batch).data)

    @extend_schema(
        request=batch_shapes.BatchChangeSerializer,
        responses=serializers.BatchSerializer,
        filters=False,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename a batch, or move it with its results into a project or, by null, out of one."""
        batch, person = self.get_object(), current_user(request)
        fields = requests.valid(batch_shapes.BatchChangeSerializer, request.data)
        if "project" in fields:
            project = visible_project(request, fields["project"])
            batches.move_batch(person=person, batch=batch, project=project)
        if "name" in fields:
            batches.rename_batch(person=person, batch=batch, name=fields["name"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(parameters=[requests.DeletionSerializer], responses={204: None}, filters=False)
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put a batch into the trash with its predictions, from which they come back."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: Batch) -> None:
        ask_before_deleting(self.request, instance.predictions.order_by().values("image"))
        services.trash_batch(person=current_user(self.request), batch=instance)

    @extend_schema(
        operation_id="batches_results_csv",
        responses={(200, results.CSV_TYPE): OpenApiTypes.STR},
        filters=False,
    )
    def results_csv(self, request: Request, pk: str) -> HttpResponseBase:
        """One row for each prediction, in the order that the images were sent."""
        batch = self.get_object()
        audit.record(audit.Action.EXPORTED, subject=batch, kind="csv")
        return StreamingHttpResponse(
            results.csv_lines(batch),
            content_type=results.CSV_TYPE,
            headers={"Content-Disposition": f'attachment; filename="results-{batch.pk}.csv"'},
        )

    @extend_schema(
        operation_id="batches_results_json",
        responses=serializers.BatchResultsSerializer,
        filters=False,
    )
    def results_json(self, request: Request, pk: str) -> HttpResponseBase:
        """The batch with all of its predictions, in the order that the images were sent."""
        batch = self.get_object()
        audit.record(audit.Action.EXPORTED, subject=batch, kind="json")
        summary = self.get_serializer(batch).data
        return StreamingHttpResponse(
            results.json_pieces(batch, summary, {**self.get_serializer_context()}),
            content_type="application/json",
        )
