"""Every error of the API has one shape: problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from classifier.uploads import UploadRejected

PROBLEM_TYPE = "application/problem+json"


def problem(status: int, detail: str, **members: Any) -> dict[str, Any]:
    """The body of an error: title, status, detail, and what else helps."""
    return {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None lets an unexpected error end as 500 in the log."""
    if isinstance(error, UploadRejected):
        body = problem(
            error.status, error.message, code=error.code, errors={"image": [error.message]}
        )
        return Response(body, status=error.status, content_type=PROBLEM_TYPE)
    response = exception_handler(error, context)
    if response is None:
        return None
    members: dict[str, Any] = {}
    if isinstance(error, exceptions.ValidationError):
        members["errors"] = response.data
        detail = "Some fields are not valid."
    else:
        detail = str(response.data.get("detail", ""))
    response.data = problem(response.status_code, detail, **members)
    response.content_type = PROBLEM_TYPE
    return response


@login_not_required
def not_found(request: HttpRequest) -> JsonResponse:
    """For addresses under /api/ that lead nowhere."""
    body = problem(404, "There is nothing at this address.")
    return JsonResponse(body, status=404, content_type=PROBLEM_TYPE)
