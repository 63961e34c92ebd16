"""Requests drawn at random to the workbench get answers that the schema announces.

As in test_conformance.py; here most addresses lead to what exists only where somebody made it.
"""

import zlib
from typing import Any, Final
from uuid import UUID

import pytest
import schemathesis
from django.contrib.auth.models import User
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth
from schemathesis.transport.serialization import Binary

from classifier.api.schema import LINKS
from classifier.models import (
    ApiToken,
    Assignment,
    Batch,
    ModelImport,
    Prediction,
    SavedView,
    TrainedModel,
    Webhook,
)
from tests.api.test_conformance import DRAWN, SECRET, STRICT, served, unlimited
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

__all__ = ["unlimited"]

schema = served.exclude(path_regex=STRICT)
# What is sent to make something, and to what was made.
FILES: Final = {"images": [Binary(png())]}
BODIES: Final[dict[str, dict[str, Any]]] = {
    "batches_create": {"model": ["blood"], "open": "true"},
    "batches_images_create": FILES,
    "batches_partial_update": {"name": "Monday"},
    "batches_assignments_create": {"reader": "colleague"},
    "labelled_sets_create": {"dataset": "bloodmnist"},
    "labelled_sets_images_create": FILES,
    "labelled_sets_table": {"table": Binary(b"path,class\nimages.png,monocyte\n")},
    "labelled_sets_confirm": {"names": {"monocyte": "monocyte"}},
    "projects_create": {"name": "Autumn"},
    "projects_update": {"name": "Winter"},
    "views_create": {"name": "To look at", "query": "q=cell"},
}
# What only ends well once there are results.
EARLY: Final = {"batches_sign"}


@pytest.mark.usefixtures("unlimited")
@schema.parametrize()
@DRAWN
def test_the_workbench_answers_as_announced(
    case: schemathesis.Case, user: User, trained_model: TrainedModel
) -> None:
    is_valid = {location: info.mode for location, info in case.meta.components.items()}
    # Half of the requests are to rows that exist; the others are answered by 404.
    drawn = repr((case.path_parameters, case.query, case.body)).encode()
    is_there = zlib.crc32(drawn) % 2 and ParameterLocation.PATH in is_valid
    if is_there and is_valid[ParameterLocation.PATH] is GenerationMode.POSITIVE:
        name_what_exists(case, user, trained_model)
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        make_plausible(case, user, trained_model)
    assert case.call_and_validate().status_code != 429


@pytest.mark.usefixtures("unlimited", "trained_model")
@pytest.mark.parametrize(
    "made_by", ["batches_create", "projects_create", "labelled_sets_create", "views_create"]
)
def test_links_lead_to_what_was_made(made_by: str) -> None:
    """From each answer along the links that the schema gives it; what deletes comes last."""
    UserFactory.create(username="colleague")
    made = answered(made_by)
    followed = sorted(LINKS[made_by].items(), key=lambda link: "destroy" in link[0])
    for target, parameters in followed:
        given = {name: made[at] for name, at in parameters.items()}
        further = answered(target, **given)
        for next_target, next_parameters in LINKS.get(target, {}).items():
            if "/" not in "".join(next_parameters.values()):
                answered(next_target, **{name: further[at] for name, at in next_parameters.items()})


def answered(name: str, **parameters: str) -> Any:
    """The answer of an operation, as its schema says, by the parameters of a link."""
    operation = served.find_operation_by_id(name)
    in_path = {key: value for key, value in parameters.items() if f"{{{key}}}" in operation.path}
    body = BODIES.get(name)
    is_form = body and any(isinstance(each, Binary | list) for each in body.values())
    case = operation.Case(
        path_parameters=in_path,
        query={key: value for key, value in parameters.items() if key not in in_path},
        **({"body": body} if body else {}),
        media_type=("multipart/form-data" if is_form else "application/json") if body else None,
    )
    case.headers["Authorization"] = f"Token {SECRET}"
    # It would take the token, which it did not draw itself, for an invalid one.
    answer = case.call_and_validate(excluded_checks=[ignored_auth])
    assert answer.status_code == 409 if name in EARLY else answer.status_code < 300, name
    return answer.json() if answer.content and "json" in answer.headers["content-type"][0] else {}


def name_what_exists(case: schemathesis.Case, user: User, trained_model: TrainedModel) -> None:
    if "id" in case.path_parameters:
        case.path_parameters["id"] = existing_key(case.path, user, trained_model)
    if "username" in case.path_parameters:
        case.path_parameters["username"] = UserFactory.create().username
    if "method" in case.path_parameters:
        case.path_parameters["method"] = "grad-cam"


def make_plausible(case: schemathesis.Case, user: User, trained_model: TrainedModel) -> None:
    """What no schema can say: which rows, classes and people there are, and what is an image."""
    if "model" in (case.query or {}):
        case.query["model"] = trained_model.slug
    if case.path.endswith("/table/") and isinstance(case.body, dict):
        case.body = {"table": "path,class\ncell.png,monocyte\n"}
    # Forms have a still image for each file.
    elif case.media_type != "multipart/form-data" and isinstance(case.body, dict):
        prediction = own_prediction(user, trained_model)
        labelled = LabelledImageFactory.create(labelled_set__owner=user)
        there: dict[str, Any] = {
            "batch": str(prediction.batch_id),
            "dataset": trained_model.dataset,
            "label": "monocyte",
            "labelled_set": str(labelled.labelled_set_id),
            "model": [trained_model.slug],
            "predictions": [str(prediction.pk)],
            "project": str(ProjectFactory.create(owner=user).pk),
            "reader": UserFactory.create().username,
            "url": "https://example.org/told",
        }
        case.body = {name: there.get(name, value) for name, value in case.body.items()}


def own_prediction(user: User, trained_model: TrainedModel) -> Prediction:
    batch = BatchFactory.create(owner=user)
    return PredictionFactory.create(
        succeeded=True, image__owner=user, batch=batch, trained_model=trained_model
    )


def existing_key(path: str, user: User, trained_model: TrainedModel) -> str:
    prediction = own_prediction(user, trained_model)
    batch = prediction.batch
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
        "webhooks": Webhook.objects.create(owner=user, url="https://example.org/told").pk,
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
