"""Every error of the API has one shape: problem details (RFC 9457)."""

import logging
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from psycopg.errors import DiskFull as DiskFullOfPostgres
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from classifier.adaptation.examples import NotEnough
from classifier.idempotency import KeyReused
from classifier.quotas import BeyondLimit, NoRoom, QuotaExceeded
from classifier.services import LookRefused, NothingAccepted, StorageFailed
from classifier.services.batches import BatchRefused
from classifier.services.explanations import ExplanationRefused
from classifier.services.labelled_sets import SetRefused
from classifier.services.own_models import (
    ExportFailed,
    ImportFailed,
    ModelsCameOfIt,
    TooManyModels,
)
from classifier.services.permissions import NotAllowed
from classifier.services.projects import NoSuchPerson
from classifier.services.reviews import Locked, ReviewRefused
from classifier.services.tables import TableRefused
from classifier.uploads.refusals import UploadRejected

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class RequestTooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "This request is larger than what is accepted here."


class LengthRequired(exceptions.APIException):
    status_code = HTTPStatus.LENGTH_REQUIRED
    default_detail = "A body sent in chunks is not read. Send it whole, with Content-Length."


class DiskFull(exceptions.APIException):
    status_code = HTTPStatus.INSUFFICIENT_STORAGE


class DatabaseFull(DiskFull):
    default_detail = (
        "The disk of the database takes no more, so nothing was changed. Try again later, and tell "
        "the administrator if it happens again."
    )


class DatabaseAway(exceptions.APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = (
        "The database does not answer at the moment. Try again in a few seconds; with an "
        "Idempotency-Key nothing is made twice."
    )
    wait = 5


class Conflict(exceptions.APIException):
    status_code = HTTPStatus.CONFLICT
    default_detail = "This Idempotency-Key came with another request before. Draw a new one."


def problem(status: int, detail: str, **members: Any) -> dict[str, Any]:
    """The body of an error: title, status, detail, and what else helps."""
    return {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None lets an unexpected error end as 500 in the log."""
    # Problems are JSON also where the answers are a page or YAML.
    request: Request = context["request"]
    request.accepted_renderer = JSONRenderer()
    request.accepted_media_type = JSONRenderer.media_type
    if isinstance(error, UploadRejected):
        members = {"code": error.code, "errors": {error.field: [error.message]}}
        return _response(problem(error.status, error.message, **members))
    if isinstance(error, LookRefused):
        return _response(problem(400, error.message, errors={error.field: [error.message]}))
    if isinstance(error, NothingAccepted):
        return _response(problem(400, str(error), rejected=error.rejected))
    response = exception_handler(_as_api_exception(error), context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        errors = {field: list(_messages(found)) for field, found in response.data.items()}
        body = problem(response.status_code, "Some fields are not valid.", errors=errors)
    else:
        body = problem(response.status_code, str(response.data.get("detail", "")))
    return _response(body, headers=dict(response.items()))


# What each error of the services is to a program, where its own words are the detail.
IN_ITS_OWN_WORDS: Final[
    tuple[tuple[tuple[type[Exception], ...], type[exceptions.APIException]], ...]
] = (
    ((StorageFailed, ImportFailed, NoRoom), DiskFull),
    ((BeyondLimit, ReviewRefused, NoSuchPerson, TableRefused), exceptions.ParseError),
    (
        (
            Locked,
            BatchRefused,
            ExplanationRefused,
            SetRefused,
            NotEnough,
            TooManyModels,
            ModelsCameOfIt,
            ExportFailed,
        ),
        Conflict,
    ),
    ((NotAllowed,), exceptions.PermissionDenied),
)


def _as_api_exception(error: Exception) -> Exception:
    for kinds, api_exception in IN_ITS_OWN_WORDS:
        if isinstance(error, kinds):
            return api_exception(str(error))
    match error:
        case QuotaExceeded():
            return exceptions.Throttled(error.retry_after, error.message)
        case OperationalError() | InterfaceError():
            logger.error("The database does not answer: %s", error)
            return DatabaseFull() if _is_full(error) else DatabaseAway()
        case KeyReused():
            return Conflict()
        case RequestDataTooBig():
            return RequestTooLarge()
        case SuspiciousOperation():
            return exceptions.ParseError(f"{error} Send fewer at once.")
    return error


def _is_full(error: BaseException) -> bool:
    """Whether a database says that its disk has no room, or can only be read."""
    cause = error.__cause__
    sqlite = getattr(cause, "sqlite_errorname", None)
    return sqlite in {"SQLITE_FULL", "SQLITE_READONLY"} or isinstance(cause, DiskFullOfPostgres)


def _messages(found: Any) -> Iterator[str]:
    """The sentences in DRF's errors, which nest where fields do."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for each in found:
            yield from _messages(each)
    else:
        yield str(found)


def _response(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(body, status=body["status"], content_type=PROBLEM_TYPE, headers=headers)


@csrf_exempt  # or a POST to a wrong address would be answered by the page about CSRF
@login_not_required
def not_found(request: HttpRequest) -> JsonResponse:
    """For addresses under /api/ that lead nowhere."""
    return problem_response(404, "There is nothing at this address.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: for what no view of the API gets to see, such as an unknown host."""
    if isinstance(exception, RequestDataTooBig):
        if _is_for_api(request):
            return problem_response(413, RequestTooLarge.default_detail)
        return render(request, "413.html", status=413)
    if _is_for_api(request):
        return problem_response(400, "This request could not be read.")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if _is_for_api(request):
        return problem_response(403, str(exception) or "This is not for you to do.")
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if isinstance(error := sys.exception(), (OperationalError, InterfaceError)):
        trouble = DatabaseFull if _is_full(error) else DatabaseAway
        answer = (
            problem_response(trouble.status_code, trouble.default_detail)
            if _is_for_api(request)
            else HttpResponse(
                render_to_string(f"{trouble.status_code:d}.html"), status=trouble.status_code
            )
        )
        answer["Retry-After"] = str(DatabaseAway.wait)
        return answer
    if _is_for_api(request):
        return problem_response(500, "Something went wrong here. The log of the server says what.")
    return defaults.server_error(request)


def _is_for_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def problem_response(status: int, detail: str) -> JsonResponse:
    """An error that no view of the API raised."""
    return JsonResponse(problem(status, detail), status=status, content_type=PROBLEM_TYPE)
