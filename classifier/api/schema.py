"""What drf-spectacular cannot see by itself: the errors and headers of every operation."""

from typing import TYPE_CHECKING, Any, Final, cast

from drf_spectacular.openapi import AutoSchema

from classifier.api.errors import PROBLEM_TYPE
from classifier.api.serializers import ProblemSerializer

if TYPE_CHECKING:  # the module of ApiView imports this one, by its setting
    from classifier.api.views.base import ApiView

DESCRIPTIONS: Final = {
    "400": "Something that was sent is not valid; `errors` says what, by field.",
    "401": "The token is missing or not valid.",
    "403": "Signed in by session cookie, but without a CSRF token.",
    "404": "There is nothing at this address, or it is not yours.",
    "409": "The Idempotency-Key came with another request before.",
    "411": "The length of the body is missing.",
    "412": "The record is no longer the one that If-Match asks for.",
    "413": "The request, or its image, is too large.",
    "415": "The body is of a content type that is not read here.",
    "503": "Many large images are being read at the moment; try again in a minute.",
    "507": "The image could not be stored, and nothing was kept.",
    "429": "One of your limits is reached; Retry-After says when to try again.",
}
LOCATION: Final = {
    "Location": {"description": "Address of the record.", "schema": {"type": "string"}}
}
RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds until asking again.", "schema": {"type": "integer"}}
}
ETAG: Final = {
    "ETag": {"description": "Send it back as If-None-Match.", "schema": {"type": "string"}}
}


class ProblemSchema(AutoSchema):
    """Adds to each operation the errors that it can answer with, and the headers that it sets."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code, body in bodies.items():
            body["headers"] = {**body.get("headers", {}), **self._headers(code)}
        if self._has_etag():
            bodies["304"] = {"description": "Not changed since the answer with that ETag."}
        problem = self.resolve_serializer(ProblemSerializer, direction).ref
        for code in self._problem_codes():
            bodies[code] = {
                "description": DESCRIPTIONS[code],
                "content": {PROBLEM_TYPE: {"schema": problem}},
                "headers": RETRY_AFTER if code == "429" else {},
            }
        return dict(sorted(bodies.items()))

    def _headers(self, code: str) -> dict[str, Any]:
        if self._has_etag():
            return ETAG
        if not self._creates():
            return {}
        return {**LOCATION, **RETRY_AFTER} if code == "202" else LOCATION

    def _has_etag(self) -> bool:
        return self.method == "GET" and cast("ApiView", self.view).has_etag()

    def _creates(self) -> bool:
        """A record with an address that is asked again."""
        return bool(self._get_parameters_in("header"))

    def _problem_codes(self) -> list[str]:
        codes = ["429"]
        if self.get_auth():
            codes += ["401"] if self.method == "GET" else ["401", "403"]
        if self.method == "GET" and self._get_parameters_in("query"):
            codes.append("400")
        if self._has_etag():
            codes.append("412")
        if self._get_parameters_in("path") or self._is_list_view():
            codes.append("404")
        if self._get_request_body_types():
            codes += ["400", "411", "413", "415"]
        return codes + (["404", "409", "503", "507"] if self._creates() else [])

    def _get_request_body_types(self) -> list[str]:
        body = self._get_request_body() or {}  # type: ignore[no-untyped-call]
        return list(body.get("content", {}))

    def _get_parameters_in(self, where: str) -> list[dict[str, Any]]:
        return [found for found in self._get_parameters() if found["in"] == where]
