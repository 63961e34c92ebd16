"""Who may do what in a project: every address of the workbench, for every role."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.models import (
    Adaptation,
    Assignment,
    Batch,
    LabelledImage,
    LabelledSet,
    Prediction,
    Project,
    SavedView,
    TrainedModel,
    Validation,
    Watch,
)
from tests.api.conftest import client_of
from tests.factories import (
    AdaptationFactory,
    BatchFactory,
    ExplanationFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    PredictionFactory,
    ProjectFactory,
    UserFactory,
    ValidationFactory,
    WatchFactory,
    png,
)
from tests.validation.reports import report_json

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "owner", "reader", "viewer", "other", "staff")
EVERYONE = (401, 200, 200, 200, 200, 200)
SEEN = (401, 200, 200, 200, 404, 200)
REVIEWED = (401, 200, 200, 403, 404, 200)
OWNED = (401, 200, 403, 403, 404, 200)
REMOVED = (401, 204, 403, 403, 404, 204)

# The answer to each role, in the order of ROLES.
EXPECTED = {
    "GET /api/v1/predictions/{id}/reviews/": SEEN,
    "POST /api/v1/predictions/{id}/reviews/": REVIEWED,
    "GET /api/v1/predictions/{id}/explanations/": SEEN,
    "POST /api/v1/predictions/{id}/explanations/": (401, 202, 202, 403, 404, 202),
    "GET /api/v1/predictions/{id}/explanations/{method}/": SEEN,
    "GET /api/v1/predictions/{id}/explanations/{method}/map/": SEEN,
    "POST /api/v1/reviews/": REVIEWED,
    "POST /api/v1/reviews/undo/": EVERYONE,
    "POST /api/v1/reviews/redo/": EVERYONE,
    "GET /api/v1/predictions/facets/": EVERYONE,
    "GET /api/v1/predictions/groups/": EVERYONE,
    "GET /api/v1/predictions/export.csv": EVERYONE,
    "GET /api/v1/predictions/export.json": EVERYONE,
    "GET /api/v1/predictions/export.zip": EVERYONE,
    "POST /api/v1/predictions/run-again/": SEEN,
    "PATCH /api/v1/batches/{id}/": OWNED,
    "DELETE /api/v1/batches/{id}/": REMOVED,
    "GET /api/v1/batches/{id}/images/": SEEN,
    # Whose images they are is whose quota they use up.
    "POST /api/v1/batches/{id}/images/": (401, 200, 403, 403, 404, 403),
    "POST /api/v1/batches/{id}/close/": OWNED,
    "GET /api/v1/batches/{id}/groups/": SEEN,
    "GET /api/v1/batches/{id}/changes/": SEEN,
    "GET /api/v1/batches/{id}/differential/": SEEN,
    "GET /api/v1/batches/{id}/agreement/": SEEN,
    "POST /api/v1/batches/{id}/sign/": OWNED,
    "POST /api/v1/batches/{id}/reopen/": (401, 403, 403, 403, 404, 200),
    "GET /api/v1/batches/{id}/sign-offs/": SEEN,
    "GET /api/v1/batches/{id}/assignments/": SEEN,
    "POST /api/v1/batches/{id}/assignments/": (401, 201, 403, 403, 404, 201),
    "DELETE /api/v1/assignments/{id}/": (401, 204, 204, 403, 404, 204),
    "GET /api/v1/readings/": EVERYONE,
    # Nobody reads for another person.
    "GET /api/v1/readings/{id}/": (401, 404, 200, 404, 404, 404),
    "POST /api/v1/readings/{id}/": (401, 404, 200, 404, 404, 404),
    "GET /api/v1/trash/": EVERYONE,
    "POST /api/v1/trash/": OWNED,
    "DELETE /api/v1/trash/": EVERYONE,
    "POST /api/v1/trash/restore/": (401, 200, 404, 404, 404, 404),
    "GET /api/v1/views/": EVERYONE,
    "POST /api/v1/views/": (401, 201, 201, 201, 201, 201),
    "DELETE /api/v1/views/{id}/": (401, 204, 404, 404, 404, 404),
    "GET /api/v1/labelled-sets/": EVERYONE,
    "POST /api/v1/labelled-sets/": (401, 201, 201, 201, 201, 201),
    "GET /api/v1/labelled-sets/{id}/": SEEN,
    "DELETE /api/v1/labelled-sets/{id}/": REMOVED,
    # Whose images they are is whose quota they use up.
    "POST /api/v1/labelled-sets/{id}/images/": (401, 200, 403, 403, 404, 403),
    "POST /api/v1/labelled-sets/{id}/table/": REVIEWED,
    "POST /api/v1/labelled-sets/{id}/confirm/": REVIEWED,
    "GET /api/v1/labelled-sets/{id}/doubts/": SEEN,
    "POST /api/v1/labelled-sets/{id}/labels/{number}/": REVIEWED,
    "GET /api/v1/adaptations/": EVERYONE,
    # One image is too little to adapt to, which only who may do it is told.
    "POST /api/v1/adaptations/": (401, 409, 409, 403, 404, 409),
    "GET /api/v1/adaptations/{id}/": SEEN,
    "DELETE /api/v1/adaptations/{id}/": REMOVED,
    "POST /api/v1/adaptations/{id}/again/": OWNED,
    "POST /api/v1/adaptations/{id}/use/": OWNED,
    "GET /api/v1/validations/": EVERYONE,
    "POST /api/v1/validations/": (401, 202, 202, 403, 404, 202),
    "GET /api/v1/validations/{id}/": SEEN,
    "DELETE /api/v1/validations/{id}/": REMOVED,
    "POST /api/v1/validations/{id}/again/": REVIEWED,
    "GET /api/v1/validations/{id}/report.json": SEEN,
    "GET /api/v1/validations/{id}/report.html": SEEN,
    "GET /api/v1/watches/": EVERYONE,
    "GET /api/v1/watches/{id}/": SEEN,
    "POST /api/v1/watches/{id}/seen/": REVIEWED,
    "POST /api/v1/watches/{id}/begin-anew/": REVIEWED,
    "GET /api/v1/projects/": EVERYONE,
    "POST /api/v1/projects/": (401, 201, 201, 201, 201, 201),
    "GET /api/v1/projects/{id}/": SEEN,
    "PATCH /api/v1/projects/{id}/": OWNED,
    "DELETE /api/v1/projects/{id}/": REMOVED,
    "PUT /api/v1/projects/{id}/members/{username}/": OWNED,
    # Members may leave.
    "DELETE /api/v1/projects/{id}/members/{username}/": (401, 204, 403, 204, 404, 204),
}
# What there was before projects, for who is in one.
BEFORE = {
    "GET /api/v1/predictions/{id}/": SEEN,
    "DELETE /api/v1/predictions/{id}/": REMOVED,
    "GET /api/v1/batches/{id}/": SEEN,
    "POST /api/v1/batches/{id}/cancel/": OWNED,
    "GET /api/v1/batches/{id}/results.csv": SEEN,
    "GET /api/v1/batches/{id}/results.json": SEEN,
    "GET /api/v1/images/{id}/": SEEN,
}


@dataclass
class World:
    """A project with a batch, and everyone's clients."""

    clients: dict[str, APIClient]
    project: Project
    batch: Batch
    prediction: Prediction
    trashed: Prediction
    assignment: Assignment
    view: SavedView
    labelled: LabelledImage
    validation: Validation
    adaptation: Adaptation
    watch: Watch

    def address(self, path: str) -> str:
        keys = {
            "predictions": self.prediction.pk,
            "batches": self.batch.pk,
            "images": self.prediction.image_id,
            "assignments": self.assignment.pk,
            "readings": self.assignment.pk,
            "views": self.view.pk,
            "projects": self.project.pk,
            "labelled-sets": self.labelled.labelled_set_id,
            "validations": self.validation.pk,
            "adaptations": self.adaptation.pk,
            "watches": self.watch.pk,
        }
        path = path.replace("{number}", str(self.labelled.pk))
        path = path.replace("{id}", str(keys.get(path.split("/")[3]))).replace(
            "{username}", "viewer"
        )
        path = path.replace("{method}", "grad-cam")
        return f"{path}?since=2026-01-01T00:00:00Z" if path.endswith("changes/") else path

    def body(self, operation: str) -> dict[str, Any]:
        chosen = {"predictions": [str(self.prediction.pk)]}
        [unread] = self.assignment.batch.predictions.all()
        bodies: dict[str, dict[str, Any]] = {
            "POST /api/v1/predictions/{id}/reviews/": {"label": "monocyte"},
            "POST /api/v1/predictions/{id}/explanations/": {"method": "occlusion"},
            "POST /api/v1/reviews/": {**chosen, "confirm": True},
            "POST /api/v1/predictions/run-again/": {
                **chosen,
                "model": self.prediction.trained_model.slug,
            },
            "PATCH /api/v1/batches/{id}/": {"name": "Monday"},
            "POST /api/v1/batches/{id}/reopen/": {"reason": "One was overlooked."},
            "POST /api/v1/batches/{id}/assignments/": {"reader": "viewer"},
            "POST /api/v1/readings/{id}/": {"prediction": str(unread.pk), "label": "monocyte"},
            "POST /api/v1/trash/": chosen,
            "POST /api/v1/trash/restore/": {"predictions": [str(self.trashed.pk)]},
            "POST /api/v1/views/": {"name": "Mine", "query": "review=corrected"},
            "POST /api/v1/labelled-sets/": {"name": "Mine", "dataset": "bloodmnist"},
            "POST /api/v1/labelled-sets/{id}/labels/{number}/": {"label": "monocyte"},
            "POST /api/v1/adaptations/": {
                "labelled_set": str(self.labelled.labelled_set_id),
                "model": "blood",
            },
            "POST /api/v1/validations/": {
                "labelled_set": str(self.labelled.labelled_set_id),
                "model": ["blood"],
            },
            "POST /api/v1/projects/": {"name": "Mine"},
            "PATCH /api/v1/projects/{id}/": {"name": "Other"},
            "PUT /api/v1/projects/{id}/members/{username}/": {"role": "reader"},
        }
        return bodies.get(operation, {})

    def prepare(self, operation: str) -> None:
        """Bring the batch to where the operation makes sense."""
        if operation.endswith("/images/"):
            Batch.objects.update(closed_at=None)
        if operation.endswith("/reopen/"):
            Batch.objects.update(signed_at=timezone.now())
        if "labelled-sets" in operation:
            LabelledSet.objects.update(confirmed_at=None)


@pytest.fixture
def world(user: User, other_user: User, staff: User, trained_model: TrainedModel) -> World:
    reader, viewer = UserFactory.create(), UserFactory.create(username="viewer")
    project = ProjectFactory.create(owner=user)
    project.memberships.create(user=reader, role="reader")
    project.memberships.create(user=viewer, role="viewer")
    batch, given = BatchFactory.create_batch(2, owner=user, project=project)
    batch.trained_models.add(trained_model)
    people = {
        "owner": user, "reader": reader, "viewer": viewer, "other": other_user, "staff": staff
    }  # fmt: skip
    made = {"succeeded": True, "image__owner": user, "trained_model": trained_model}
    PredictionFactory.create(batch=given, **made)
    explained = PredictionFactory.create(batch=batch, **made)
    ExplanationFactory.create(prediction=explained, succeeded=True)
    labelled = LabelledImageFactory.create(
        labelled_set=LabelledSetFactory.create(owner=user, project=project), path="cell.png"
    )
    return World(
        clients={"anonymous": APIClient(), **{name: client_of(u) for name, u in people.items()}},
        project=project,
        batch=batch,
        prediction=explained,
        trashed=PredictionFactory.create(deleted_at=timezone.now(), **made),
        assignment=Assignment.objects.create(batch=given, reader=reader),
        view=SavedView.objects.create(owner=user, name="Kept"),
        labelled=labelled,
        adaptation=AdaptationFactory.create(
            labelled_set=labelled.labelled_set, trained_model=trained_model, status="FAILURE",
            error_message="The disk is full.", finished_at=timezone.now(),
        ),
        validation=ValidationFactory.create(
            labelled_set=labelled.labelled_set, trained_model=trained_model, report=report_json(),
            model_version=1, status="SUCCESS", finished_at=timezone.now(),
        ),
        watch=WatchFactory.create(owner=None, project=project, trained_model=trained_model),
    )  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", EXPECTED | BEFORE)
def test_each_role_gets_its_answer(world: World, operation: str, role: str) -> None:
    world.prepare(operation)
    method, path = operation.split()
    send: Callable[..., Any] = getattr(world.clients[role], method.lower())
    if operation.endswith("{id}/images/") and method == "POST":
        answer = send(world.address(path), {"images": [SimpleUploadedFile("a.png", png())]})
    elif operation.endswith("/table/"):
        table = SimpleUploadedFile("labels.csv", b"path,class\ncell.png,monocyte\n")
        answer = send(world.address(path), {"table": table})
    elif method in {"GET", "DELETE"}:
        answer = send(world.address(path))
    else:
        answer = send(world.address(path), world.body(operation), format="json")
    assert answer.status_code == (EXPECTED | BEFORE)[operation][ROLES.index(role)]
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
    elif getattr(answer, "streaming", False):
        b"".join(answer.streaming_content)


def test_lists_hold_ones_own_and_a_projects_where_it_is_named(world: World) -> None:
    found = {}
    for role in ROLES[1:]:
        get = world.clients[role].get
        own = get("/api/v1/predictions/").json()["results"]
        shared = get("/api/v1/predictions/", {"project": str(world.project.pk)})
        found[role] = (
            len(own),
            len(shared.json()["results"]) if shared.status_code == 200 else None,
        )
    # The reader is to read one of the two batches without knowing what the model said.
    assert found == {
        "owner": (2, 2), "reader": (0, 1), "viewer": (0, 2), "other": (0, None), "staff": (2, 2)
    }  # fmt: skip


def test_who_leaves_a_project_sees_nothing_of_it_and_what_they_said_stays(world: World) -> None:
    address = f"/api/v1/predictions/{world.prediction.pk}/reviews/"
    reader = world.clients["reader"]
    assert reader.post(address, {"label": "monocyte"}, format="json").status_code == 200
    username = reader.get("/api/v1/me/").json()["username"]
    member = f"/api/v1/projects/{world.project.pk}/members/{username}/"
    assert world.clients["owner"].delete(member).status_code == 204
    assert reader.post(address, {"label": "platelet"}, format="json").status_code == 404
    [step] = world.clients["owner"].get(address).json()
    assert (step["reader"], step["label"]) == (username, "monocyte")
