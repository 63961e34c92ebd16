"""What drf-spectacular cannot see by itself: the errors and headers of every operation."""

from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django_filters import BaseCSVFilter, CharFilter
from drf_spectacular.contrib.django_filters import DjangoFilterExtension
from drf_spectacular.openapi import AutoSchema

from classifier.api.errors import PROBLEM_TYPE
from classifier.api.serializers import ProblemSerializer

if TYPE_CHECKING:  # the module of ApiView imports this one, by its setting
    from classifier.api.views.base import ApiView

DESCRIPTIONS: Final = {
    "400": "Something that was sent is not valid; `errors` says what, by field.",
    "401": "The token is missing or not valid.",
    "403": "The token may only read, a session has no CSRF token, or your role does not allow it.",
    "404": "There is nothing at this address, or it is not yours.",
    "409": (
        "Its state does not allow it, the Idempotency-Key came with another request before, or "
        "models came of it and nobody confirmed that."
    ),
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


LARGEST_NUMBERS: Final = {2**15 - 1, 2**31 - 1, 2**63 - 1}

# From what an operation answers to those that take it up: the parameters of each of them.
OF_PREDICTION: Final = {
    "predictions_retrieve": {"id": "id"},
    "predictions_destroy": {"id": "id"},
    "predictions_reviews_list": {"id": "id"},
    "predictions_reviews_create": {"id": "id"},
    "predictions_explanations_list": {"id": "id"},
    "images_retrieve": {"id": "image/id"},
    "images_model_view": {"id": "image/id", "model": "model"},
    "models_retrieve": {"slug": "model"},
}
OF_BATCH: Final = {
    "batches_retrieve": {"id": "id"},
    "batches_partial_update": {"id": "id"},
    "batches_destroy": {"id": "id"},
    "batches_results_csv": {"id": "id"},
    "batches_results_json": {"id": "id"},
    "batches_images_list": {"id": "id"},
    "batches_images_create": {"id": "id"},
    "batches_close": {"id": "id"},
    "batches_cancel": {"id": "id"},
    "batches_groups": {"id": "id"},
    "batches_assignments_list": {"id": "id"},
    "batches_assignments_create": {"id": "id"},
    "batches_agreement": {"id": "id"},
    "batches_sign": {"id": "id"},
    "batches_sign_offs": {"id": "id"},
    "predictions_list": {"batch": "id"},
    "predictions_facets": {"batch": "id"},
}
OF_PROJECT: Final = {
    "projects_retrieve": {"id": "id"},
    "projects_update": {"id": "id"},
    "projects_destroy": {"id": "id"},
    "batches_list": {"project": "id"},
    "labelled_sets_list": {"project": "id"},
}
OF_LABELLED_SET: Final = {
    "labelled_sets_retrieve": {"id": "id"},
    "labelled_sets_destroy": {"id": "id"},
    "labelled_sets_images_create": {"id": "id"},
    "labelled_sets_table": {"id": "id"},
    "labelled_sets_confirm": {"id": "id"},
    "labelled_sets_doubts": {"id": "id"},
    "validations_list": {"labelled_set": "id"},
}
OF_VALIDATION: Final = {
    "validations_retrieve": {"id": "id"},
    "validations_destroy": {"id": "id"},
    "validations_again": {"id": "id"},
    "validations_report_json": {"id": "id"},
}
LINKS: Final[dict[str, dict[str, dict[str, str]]]] = {
    "predictions_create": OF_PREDICTION,
    "predictions_retrieve": OF_PREDICTION,
    "predictions_list": {"predictions_retrieve": {"id": "results/0/id"}},
    "batches_create": OF_BATCH,
    "batches_list": {"batches_retrieve": {"id": "results/0/id"}},
    "batches_assignments_create": {"assignments_destroy": {"id": "id"}},
    "models_list": {"models_retrieve": {"slug": "0/slug"}},
    "tokens_create": {"tokens_destroy": {"id": "id"}},
    "projects_create": OF_PROJECT,
    "labelled_sets_create": OF_LABELLED_SET,
    "validations_create": OF_VALIDATION,
    "views_create": {"views_destroy": {"id": "id"}},
}


def alternatives(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular, for what no serializer can say of its fields together."""
    schemas = result["components"]["schemas"]
    schemas["LabelledSetRequest"]["anyOf"] = [
        {"required": ["dataset"]},
        {"required": ["batch"], "properties": {"batch": {"type": "string"}}},
    ]
    said = [{"required": ["label"]}, {"required": ["note"]}]
    schemas["ReviewRequest"]["anyOf"] = said
    schemas["BulkReviewRequest"]["anyOf"] = [
        *said,
        {"required": ["confirm"], "properties": {"confirm": {"enum": [True]}}},
    ]
    schemas["AddedFilesRequest"]["oneOf"] = [{"required": ["images"]}, {"required": ["archive"]}]
    needed = (
        "labelled-sets/",
        "labelled-sets/{id}/images/",
        "batches/{id}/images/",
        "predictions/{id}/reviews/",
    )
    for path in needed:
        result["paths"][f"/api/v1/{path}"]["post"]["requestBody"]["required"] = True
    batch = schemas["BatchRequest"]
    batch["oneOf"] = [
        {"required": ["images"]},
        {"required": ["archive"]},
        # What is sent piece by piece afterwards.
        {"required": ["open"], "properties": {"open": {"enum": [True]}}},
    ]
    # In a form a number is text too, which a choice between two kinds of text would hide.
    text, _ = batch["properties"]["name"]["oneOf"]
    batch["properties"]["name"] = text | {"pattern": r"^[^\u0000]*$"}
    batch["properties"]["images"] |= {"minItems": 1, "maxItems": settings.MAX_BATCH_IMAGES}
    return result


class BoundedFilters(DjangoFilterExtension):  # type: ignore[no-untyped-call]
    """Says of each filter which numbers and text it takes, and that a list has a value at least."""

    priority = 1

    def resolve_filter_field(self, *args: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().resolve_filter_field(*args)  # type: ignore[no-untyped-call]
        *_, filter_field = args
        bounds = {
            "minimum": filter_field.extra.get("min_value"),
            "maximum": filter_field.extra.get("max_value"),
            "minItems": 1 if isinstance(filter_field, BaseCSVFilter) else None,
            "pattern": r"^[^\u0000]*$" if type(filter_field) is CharFilter else None,
        }
        known = {name: bound for name, bound in bounds.items() if bound is not None}
        for parameter in parameters:
            parameter["schema"] |= known
        return parameters


class ProblemSchema(AutoSchema):
    """Adds what each operation can answer beside: errors, headers, and where to go from there."""

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        """Leaves out the largest number that a column takes, which is another in each database."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if schema.get("maximum") in LARGEST_NUMBERS:
            del schema["maximum"]
            schema.pop("format", None)

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        links = {
            target: {
                "operationId": target,
                "parameters": {name: f"$response.body#/{at}" for name, at in parameters.items()},
            }
            for target, parameters in LINKS.get(self.get_operation_id(), {}).items()
        }
        for code, body in bodies.items():
            body["headers"] = {**body.get("headers", {}), **self._headers(code)}
            if links:
                body["links"] = links
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
        view = cast("ApiView", self.view)
        return view.answers_with_location and getattr(view, "action", "") == "create"

    def _problem_codes(self) -> list[str]:
        codes = ["429"]
        if self.get_auth():
            codes += ["401"] if self.method == "GET" else ["401", "403", "404", "409"]
        if self._get_parameters_in("query"):
            # Of a list or search, the project that it is to be of may not be there.
            codes += ["400", "404"] if self.method == "GET" else ["400"]
        if self._has_etag():
            codes.append("412")
        if self._get_parameters_in("path") or self._is_list_view():
            codes.append("404")
        body = self._get_request_body()  # type: ignore[no-untyped-call]
        if body and body.get("content"):
            codes += ["400", "411", "413", "415"]
        takes_images = self.method == "POST" and cast("ApiView", self.view).stores_images
        # 503: the decoders are busy.
        return [*codes, "503", "507"] if takes_images or self._creates() else codes

    def _get_parameters_in(self, where: str) -> list[dict[str, Any]]:
        return [found for found in self._get_parameters() if found["in"] == where]
