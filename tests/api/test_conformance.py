"""Requests drawn at random from the served schema get answers that the schema announces.

All checks of schemathesis run, on single requests and, along the links of the schema, on what
follows from one answer to the next. SCHEMATHESIS_EXAMPLES sets how many are drawn for each
operation, beside the edge cases.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework.throttling import SimpleRateThrottle
from schemathesis.generation import GenerationMode
from schemathesis.transport.serialization import Binary

from classifier.models import ApiToken, TrainedModel, token_digest
from medclassifier.wsgi import application
from tests.api.test_schema import served_schema
from tests.factories import PASSWORD, png

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
JOURNEYS = 15 * EXAMPLES
SECRET = "known-to-the-tests-alone"
DRAWN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

# The addresses whose requests and answers the schema tells in full.
STRICT = (
    r"^/api/v1/(auth/token/|me/|models/.*|tokens/.*|images/.*|predictions/(\{id\}/)?"
    r"|batches/(\{id\}/((results\.(csv|json))|cancel/)?)?)$"
)

# What is only reached with a key that another answer gave.
LINKED = {
    "GET /api/v1/predictions/{id}/",
    "DELETE /api/v1/predictions/{id}/",
    "GET /api/v1/images/{id}/",
    "GET /api/v1/images/{id}/model-view/",
    "GET /api/v1/models/{slug}/",
    "GET /api/v1/batches/{id}/",
    "GET /api/v1/batches/{id}/results.csv",
    "GET /api/v1/batches/{id}/results.json",
    "POST /api/v1/batches/{id}/cancel/",
}


def with_address(environ: dict[str, Any], start_response: Any) -> Any:
    """The application as a server calls it, which knows where a request comes from."""
    return application({"REMOTE_ADDR": "127.0.0.1", **environ}, start_response)


def known_schema() -> dict[str, Any]:
    """The served schema with the one model that there is here, and one still image as each file."""
    served = served_schema()
    schemas = served["components"]["schemas"]
    for name in ("PredictionRequest", "BatchRequest"):
        properties = schemas[name]["properties"]
        properties["model"]["items"]["enum"] = ["blood"]
        # Which boxes, cells and classes there are depends on image and model; see test_looks.py.
        properties["crop"] = {"type": "string", "enum": ["auto", "center", "none"]}
        for look in ("box", "labels", "platelets"):
            del properties[look]
    del schemas["PredictionRequest"]["properties"]["frame"]
    del schemas["BatchRequest"]["properties"]["archive"]
    del schemas["BatchRequest"]["properties"]["open"]
    # There is no project here; of an unknown one, see test_creation.py.
    del schemas["BatchRequest"]["properties"]["project"]
    del schemas["PatchedBatchChange"]["properties"]["project"]
    del schemas["BatchRequest"]["oneOf"]
    schemas["BatchRequest"]["required"].append("images")
    # With as many paths and keys as images; see test_batch_life.py.
    added = schemas["AddedFilesRequest"]
    added["properties"] = {"images": {**added["properties"]["images"], "minItems": 1}}
    added["required"] = ["images"]
    del added["oneOf"]
    return served


schemathesis.openapi.format("binary", st.just(Binary(png())))
served = schemathesis.openapi.from_dict(known_schema())
served.app = with_address
served.config.generation.update(with_security_parameters=False)
# Those of the workbench are drawn in test_workbench_conformance.py.
schema = served.include(path_regex=STRICT)


@served.auth()
class TokenAuth:
    """Known to schemathesis as what it may leave out, to see that the answer is 401 then."""

    def get(self, case: schemathesis.Case, context: Any) -> str:
        return SECRET

    def set(self, case: schemathesis.Case, secret: str, context: Any) -> None:
        case.headers["Authorization"] = f"Token {secret}"


@pytest.fixture
def unlimited(user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token, and none of the limits, which would answer most requests in place of the views."""
    settings.API_REQUESTS_PER_MINUTE = settings.MAX_WAITING_PREDICTIONS = 10**6
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "1000000/m/ip"}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", {"token": "1000000/min"})
    ApiToken.objects.create(user=user, name="conformance", digest=token_digest(SECRET))


@pytest.mark.usefixtures("unlimited")
@schema.parametrize()
@DRAWN
def test_answers_are_as_announced(
    case: schemathesis.Case, user: User, trained_model: TrainedModel
) -> None:
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        make_plausible(case, user, trained_model)
    assert case.call_and_validate().status_code != 429


def make_plausible(case: schemathesis.Case, user: User, trained_model: TrainedModel) -> None:
    """What no schema can say: which rows, models and passwords there are, and what is an image."""
    if "wait" in (case.query or {}):
        case.query["wait"] = 0
    if "model" in (case.query or {}):
        case.query["model"] = trained_model.slug
    if isinstance(case.body, dict) and "image" in case.body:
        assume(isinstance(case.body["image"], Binary))  # it draws blank text now and then
    if case.path == "/api/v1/auth/token/" and isinstance(case.body, dict):
        case.body = {**case.body, "username": user.username, "password": PASSWORD}


@pytest.mark.usefixtures("unlimited")
def test_what_follows_is_as_announced(user: User, trained_model: TrainedModel) -> None:
    """Along the links of the schema, from what creates to what reads, cancels and deletes."""
    reached = journey(schema, lambda case: make_plausible(case, user, trained_model))
    assert {label for label, code in reached if code < 300} >= LINKED


def journey(among: Any, prepare: Callable[[schemathesis.Case], None]) -> Counter[tuple[str, int]]:
    """How often each operation gave each status, on the way along the links of a schema.

    Args:
        prepare: what to do with requests that the schema allows.
    """
    reached: Counter[tuple[str, int]] = Counter()

    class Journey(among.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            """Each journey begins with the same rows."""
            self.rows = transaction.atomic()
            self.rows.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.rows.__exit__(None, None, None)

        def before_call(self, case: schemathesis.Case) -> None:
            if case.meta.generation.mode is GenerationMode.POSITIVE:
                prepare(case)

        def after_call(self, response: Any, case: schemathesis.Case) -> None:
            super().after_call(response, case)
            reached[case.operation.label, response.status_code] += 1

    Journey.run(settings=settings(DRAWN, max_examples=JOURNEYS, stateful_step_count=6))
    return reached
