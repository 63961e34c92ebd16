"""What the API's views have in common."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier import services
from classifier.api.errors import LengthRequired, problem_response
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import DeletionSerializer, WaitSerializer, valid_query
from classifier.idempotency import AlreadyDone, RepeatableRequest
from classifier.models import IdempotencyKey, PredictionQuerySet
from classifier.services import own_models

Created = TypeVar("Created")

POLL_AFTER_SECONDS: Final = 1


def conditional(dispatch: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Django's answers to If-None-Match and If-Match, the last of which have no body."""
    answer = conditional_page(dispatch)

    @wraps(dispatch)
    def dispatch_conditionally(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = answer(*args, **kwargs)
        if not isinstance(response, Response):
            return _explained(response)
        # Its ETag is only known once it is rendered.
        response.add_post_render_callback(_explained)
        return response

    return dispatch_conditionally


def _explained(response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code != HTTPStatus.PRECONDITION_FAILED:
        return response
    return problem_response(412, "This is no longer what If-Match asks for.")


@method_decorator(conditional, name="dispatch")
class ApiView(APIView):
    """Answers 304 to who has the answer already."""

    parser_classes: Sequence[type[BaseParser]] = (ShallowJSONParser, MultiPartParser, FormParser)
    # Beside what has an Idempotency-Key.
    # Its creations answer with the address of the record.
    answers_with_location = False
    stores_images = False

    def has_etag(self) -> bool:
        """Django gives none to what is streamed or kept by no cache."""
        return True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Django takes a body of unknown length for none at all.
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        """These answers are one person's own; a cache may keep them, but asks each time."""
        response = super().finalize_response(*args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        return response


def current_user(request: Request) -> User:
    return cast(User, request.user)


def ask_before_deleting(request: Request, images: "QuerySet[Any]") -> None:
    """Raises ModelsCameOfIt where models were adapted to these images and nobody confirms.

    Args:
        images: ImageUpload rows, or their keys.
    """
    if valid_query(DeletionSerializer, request)["confirm"] != "true":
        own_models.check_nothing_came_of(current_user(request), images)


def create_once(
    repeatable: RepeatableRequest | None,
    found: Callable[[IdempotencyKey], Created],
    create: Callable[[], Created],
) -> Created:
    """What `create` makes, or what it made when the same request came before."""
    known = repeatable.find() if repeatable else None
    if known:
        return found(known)
    try:
        return create()
    except AlreadyDone:
        return create_once(repeatable, found, create)


def wait_for(request: Request, predictions: PredictionQuerySet) -> bool:
    """Wait for predictions as long as the request says; False where it does not ask to wait."""
    seconds = valid_query(WaitSerializer, request)["wait"]
    services.wait_until_finished(predictions, seconds=seconds)
    return bool(seconds)


def accepted(body: Mapping[str, Any], *, finished: bool) -> Response:
    """202 and when to ask again, or 200 with what has finished already."""
    headers = {"Location": str(body["url"])}
    if finished:
        return Response(body, headers=headers)
    return Response(body, status=202, headers={**headers, "Retry-After": str(POLL_AFTER_SECONDS)})
