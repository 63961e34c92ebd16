"""Requests drawn at random to the workbench get answers of the announced shape."""

import os
import zlib
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase, settings
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from classifier.models import ApiToken, Assignment, Batch, ModelImport, SavedView, TrainedModel
from tests.api.test_conformance import STRICT, with_address
from tests.api.test_schema import served_schema
from tests.factories import (
    AdaptationFactory,
    BatchFactory,
    LabelledImageFactory,
    PredictionFactory,
    ProjectFactory,
    UserFactory,
    ValidationFactory,
    png,
)

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


schema = schemathesis.openapi.from_dict(served_schema()).exclude(path_regex=STRICT)


@pytest.fixture
def secret(user: User, settings: Settings) -> str:
    settings.API_REQUESTS_PER_MINUTE = 10**6
    return ApiToken.objects.issue(user, name="conformance")[1]


@pytest.mark.django_db
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_workbench_answers_as_announced(
    case: schemathesis.Case, secret: str, user: User, trained_model: TrainedModel
) -> None:
    if zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()) % 2:
        make_plausible(case, user, trained_model)
    case.headers["Authorization"] = f"Token {secret}"
    case.call_and_validate(app=with_address, checks=CHECKS)


def make_plausible(case: schemathesis.Case, user: User, trained_model: TrainedModel) -> None:
    """Half of the requests get beyond 404 and 400: to rows that exist, with images."""
    if "id" in case.path_parameters:
        case.path_parameters["id"] = existing_key(case.path, user, trained_model)
    if "username" in case.path_parameters:
        case.path_parameters["username"] = UserFactory.create().username
    if "method" in case.path_parameters:
        case.path_parameters["method"] = "grad-cam"
    if "slug" in case.path_parameters:
        case.path_parameters["slug"] = trained_model.slug
    if "model" in (case.query or {}):
        case.query["model"] = trained_model.slug
    if "wait" in (case.query or {}):
        del case.query["wait"]
    if isinstance(case.body, dict) and case.media_type == "multipart/form-data":
        case.body = plausible_form(case.path, trained_model)


def plausible_form(path: str, trained_model: TrainedModel) -> dict[str, Any]:
    if path.endswith("/table/"):
        return {"table": b"path,class\ncell.png,monocyte\n"}
    if path.endswith("/model-imports/"):
        return {"file": b"no model"}
    several = "batches" in path or "labelled-sets" in path
    sent = {"images": [png()]} if several else {"image": png()}
    named = {} if path.endswith("/images/") else {"model": [trained_model.slug]}
    return {**named, **sent}


def existing_key(path: str, user: User, trained_model: TrainedModel) -> str:
    batch = BatchFactory.create(owner=user)
    prediction = PredictionFactory.create(
        succeeded=True, image__owner=user, batch=batch, trained_model=trained_model
    )
    labelled = LabelledImageFactory.create(
        labelled_set__owner=user, labelled_set__confirmed_at=None, path="cell.png"
    )
    keys = {
        "labelled-sets": labelled.labelled_set_id,
        "validations": ValidationFactory.create(labelled_set=labelled.labelled_set).pk,
        "adaptations": AdaptationFactory.create(
            labelled_set=labelled.labelled_set, trained_model=trained_model
        ).pk,
        "model-imports": ModelImport.objects.create(owner=user, filename="model.zip").pk,
        "predictions": prediction.pk,
        "batches": batch.pk,
        "images": prediction.image_id,
        "tokens": ApiToken.objects.issue(user, name="one more")[0].pk,
        "projects": ProjectFactory.create(owner=user).pk,
        "assignments": reading_of(batch, UserFactory.create()),
        "readings": reading_of(batch_of_another(trained_model), user),
        "views": SavedView.objects.create(owner=user, name=str(batch.pk)).pk,
    }
    return str(keys[path.split("/")[3]])


def reading_of(batch: Batch, reader: User) -> UUID:
    return Assignment.objects.create(batch=batch, reader=reader).pk


def batch_of_another(trained_model: TrainedModel) -> Batch:
    prediction = PredictionFactory.create(
        succeeded=True, batch=BatchFactory.create(), trained_model=trained_model
    )
    return prediction.batch
