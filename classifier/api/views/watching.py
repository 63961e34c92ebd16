"""Models in use, and whether what they are asked has changed."""

import uuid
from typing import Any, Final

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import watch_shapes as shapes
from classifier.api.parsers import ShallowJSONParser
from classifier.api.views.base import ApiView, current_user
from classifier.models import Watch
from classifier.services import watching

LISTED: Final = 200


class WatchView(ApiView):
    """A watched model, as seen by who uses it and their project."""

    parser_classes = (ShallowJSONParser,)

    def watch(self, pk: uuid.UUID) -> Watch:
        seen = Watch.objects.visible_to(current_user(self.request)).with_relations()
        return get_object_or_404(seen, pk=pk)

    def answer(self, row: Watch) -> Response:
        shape: Any = shapes.OneWatchSerializer(row, context={"request": self.request})
        return Response(shape.data)


class WatchesView(WatchView):
    @extend_schema(operation_id="watches_list", responses=shapes.WatchSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The watched models that you see, those looked at last first; at most 200."""
        found = Watch.objects.visible_to(current_user(request)).with_relations()[:LISTED]
        context = {"request": request}
        return Response(shapes.WatchSerializer(found, many=True, context=context).data)


class OneWatchView(WatchView):
    @extend_schema(operation_id="watches_retrieve", responses=shapes.OneWatchSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Its windows with what changed, and how often reviewers agree."""
        return self.answer(self.watch(pk))


class WatchSeenView(WatchView):
    @extend_schema(operation_id="watches_seen", request=None, responses=shapes.OneWatchSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say that its alarms were seen."""
        row = self.watch(pk)
        watching.seen(person=current_user(request), watch=row)
        return self.answer(row)


class WatchAnewView(WatchView):
    @extend_schema(operation_id="watches_anew", request=None, responses=shapes.OneWatchSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take what comes from now on as the reference period."""
        watching.begin_anew(person=current_user(request), watch=self.watch(pk))
        return self.answer(self.watch(pk))
