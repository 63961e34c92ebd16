"""Who may do what: every address and method of the API, for every kind of person."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.models import (
    ApiToken,
    Batch,
    Event,
    ModelImport,
    Prediction,
    TrainedModel,
    Webhook,
    WebhookDelivery,
)
from tests.api import test_roles
from tests.api.conftest import client_of
from tests.api.test_schema import served_schema
from tests.factories import (
    PASSWORD,
    BatchFactory,
    PredictionFactory,
    TrainedModelFactory,
    UserFactory,
    png,
)

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "owner", "other", "staff")
PUBLIC = (400, 400, 400, 400)  # an empty request gets as far as its body
EVERYONE = (401, 200, 200, 200)
OWNER_AND_STAFF = (401, 200, 404, 200)

# The answer to each role, in the order of ROLES.
EXPECTED = {
    "POST /api/v1/auth/token/": PUBLIC,
    "GET /api/v1/me/": EVERYONE,
    "GET /api/v1/models/": EVERYONE,
    "GET /api/v1/models/{slug}/": EVERYONE,
    "GET /api/v1/tokens/": EVERYONE,
    # No token makes another one; a person does, in the browser.
    "POST /api/v1/tokens/": (401, 403, 403, 403),
    # Not even staff handle other people's keys; the admin site revokes them.
    "DELETE /api/v1/tokens/{id}/": (401, 204, 404, 404),
    "GET /api/v1/predictions/": EVERYONE,
    "POST /api/v1/predictions/": (401, 202, 202, 202),
    "GET /api/v1/predictions/{id}/": OWNER_AND_STAFF,
    "DELETE /api/v1/predictions/{id}/": (401, 204, 404, 204),
    "GET /api/v1/batches/": EVERYONE,
    "POST /api/v1/batches/": (401, 202, 202, 202),
    "GET /api/v1/batches/{id}/": OWNER_AND_STAFF,
    "POST /api/v1/batches/{id}/cancel/": OWNER_AND_STAFF,
    "GET /api/v1/batches/{id}/results.csv": OWNER_AND_STAFF,
    "GET /api/v1/batches/{id}/results.json": OWNER_AND_STAFF,
    "GET /api/v1/images/{id}/": OWNER_AND_STAFF,
    "GET /api/v1/images/{id}/model-view/": OWNER_AND_STAFF,
    "GET /api/v1/models/{slug}/package.zip": EVERYONE,
    # An empty request gets as far as its body.
    "POST /api/v1/model-imports/": (401, 400, 400, 400),
    "GET /api/v1/model-imports/{id}/": OWNER_AND_STAFF,
    "GET /api/v1/webhooks/": EVERYONE,
    "POST /api/v1/webhooks/": (401, 201, 201, 201),
    # Not even staff see where other people are told.
    "POST /api/v1/webhooks/{id}/rotate/": (401, 200, 404, 404),
    "GET /api/v1/webhooks/{id}/": (401, 200, 404, 404),
    "DELETE /api/v1/webhooks/{id}/": (401, 204, 404, 404),
    "GET /api/v1/webhooks/{id}/deliveries/": (401, 200, 404, 404),
    "POST /api/v1/webhooks/{id}/deliveries/{delivery}/send-again/": (401, 202, 404, 404),
}


@dataclass
class World:
    """What the owner has, and everyone's clients."""

    clients: dict[str, APIClient]
    batch: Batch
    prediction: Prediction
    token: ApiToken
    bare_staff: User
    brought: ModelImport
    delivery: WebhookDelivery
    on_disk: TrainedModel

    def address(self, path: str) -> str:
        keys = {
            "predictions": self.prediction.pk,
            "batches": self.batch.pk,
            "images": self.prediction.image_id,
            "tokens": self.token.pk,
            "model-imports": self.brought.pk,
            "webhooks": self.delivery.webhook_id,
        }
        resource = path.split("/")[3]
        if path.endswith("package.zip"):
            return path.replace("{slug}", self.on_disk.slug)
        path = path.replace("{slug}", self.prediction.trained_model.slug)
        path = path.replace("{delivery}", str(self.delivery.pk))
        return path.replace("{id}", str(keys.get(resource)))

    def body(self, path: str) -> dict[str, Any]:
        image = SimpleUploadedFile("cell.png", png())
        model = self.prediction.trained_model.slug
        return {
            "/api/v1/tokens/": {"name": "night run"},
            "/api/v1/predictions/": {"model": model, "image": image},
            "/api/v1/batches/": {"model": model, "images": [image]},
            "/api/v1/webhooks/": {"url": "https://hook.example/", "events": ["batch.finished"]},
        }.get(path, {})


@pytest.fixture
def world(user: User, other_user: User, staff: User, trained_model: TrainedModel) -> World:
    batch = BatchFactory.create(owner=user)
    webhook = Webhook.objects.create(owner=user, url="https://hook.example/")
    clients = {"owner": user, "other": other_user, "staff": staff}
    return World(
        clients={"anonymous": APIClient(), **{name: client_of(u) for name, u in clients.items()}},
        batch=batch,
        prediction=PredictionFactory.create(
            succeeded=True, image__owner=user, batch=batch, trained_model=trained_model
        ),
        token=user.api_tokens.get(),
        bare_staff=UserFactory.create(is_staff=True),
        brought=ModelImport.objects.create(owner=user, filename="model.zip"),
        delivery=WebhookDelivery.objects.create(
            webhook=webhook, event=Event.BATCH, subject_key="mine"
        ),
        on_disk=TrainedModelFactory.create(slug="blood-compact-28"),
    )


def test_every_operation_is_in_the_matrix() -> None:
    operations = {
        f"{method.upper()} {path}"
        for path, methods in served_schema()["paths"].items()
        for method in methods
    }
    assert operations == set(EXPECTED) | set(test_roles.EXPECTED)


def sent_as(path: str) -> str:
    return "json" if "webhooks" in path else "multipart"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", EXPECTED)
def test_each_role_gets_its_answer(world: World, operation: str, role: str) -> None:
    method, path = operation.split()
    address = world.address(path)
    if path.endswith("model-view/"):
        address += f"?model={world.prediction.trained_model.slug}"
    send: Callable[..., Any] = getattr(world.clients[role], method.lower())
    answer = (
        send(address, world.body(path), format=sent_as(path)) if method == "POST" else send(address)
    )
    assert answer.status_code == EXPECTED[operation][ROLES.index(role)]
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["predictions", "batches"])
def test_lists_hold_ones_own_and_all_for_staff(world: World, path: str) -> None:
    found = {
        role: len(world.clients[role].get(f"/api/v1/{path}/").json()["results"])
        for role in ROLES[1:]
    }
    assert found == {"owner": 1, "other": 0, "staff": 1}


def test_a_session_needs_a_csrf_token(world: World, user: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    address = reverse("api:prediction-detail", args=[world.prediction.pk])
    assert client.get(address).status_code == 200
    assert client.delete(address).status_code == 403
    page = client.get("/classify/")
    [secret] = set(re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[:1])
    answer = client.delete(address, headers={"X-CSRFToken": secret})
    assert answer.status_code == 204


READING = [operation for operation in EXPECTED if operation.startswith("GET")]
CHANGING = sorted({*EXPECTED} - {*READING, "POST /api/v1/auth/token/"})


def ask(world: World, client: APIClient, operation: str) -> int:
    method, path = operation.split()
    address = world.address(path)
    if path.endswith("model-view/"):
        address += f"?model={world.prediction.trained_model.slug}"
    if method != "POST":
        return int(getattr(client, method.lower())(address).status_code)
    return int(client.post(address, world.body(path), format=sent_as(path)).status_code)


@pytest.mark.parametrize("operation", READING)
def test_staff_without_a_permission_have_what_others_have(world: World, operation: str) -> None:
    status = ask(world, client_of(world.bare_staff), operation)
    assert status == EXPECTED[operation][ROLES.index("other")]


@pytest.mark.parametrize(
    ("operation", "needed"),
    [
        ("DELETE /api/v1/predictions/{id}/", "delete_prediction"),
        ("POST /api/v1/batches/{id}/cancel/", "change_batch"),
    ],
)
def test_staff_change_what_they_have_the_permission_for(
    world: World, operation: str, needed: str
) -> None:
    kind = needed.split("_")[1]
    for name in ("view_prediction", "view_batch"):
        permit(world.bare_staff, name)
    client = client_of(world.bare_staff)
    assert ask(world, client, f"GET /api/v1/{kind}{'e' * (kind == 'batch')}s/{{id}}/") == 200
    assert ask(world, client, operation) == 403
    permit(world.bare_staff, needed)
    assert ask(world, client, operation) == EXPECTED[operation][ROLES.index("staff")]


def permit(user: User, codename: str) -> None:
    user.user_permissions.add(Permission.objects.get(codename=codename))


def test_a_permission_without_staff_status_shows_nothing(world: World, other_user: User) -> None:
    permit(other_user, "view_prediction")
    assert ask(world, world.clients["other"], "GET /api/v1/predictions/{id}/") == 404


@pytest.mark.parametrize("operation", [*READING, *CHANGING])
def test_a_token_for_reading_reads(world: World, user: User, operation: str) -> None:
    _, secret = ApiToken.objects.issue(user, name="reader", scope=ApiToken.Scope.READ)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    assert ask(world, client, operation) == (200 if operation in READING else 403)


def test_a_token_ends(world: World, user: User) -> None:
    token, secret = ApiToken.objects.issue(user, name="for a day", days=1)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    assert client.get("/api/v1/me/").status_code == 200
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert client.get("/api/v1/me/").status_code == 401


def test_a_token_is_made_as_it_was_asked_for(user: User, signed_in: APIClient) -> None:
    body = {"name": "night run", "scope": "read", "expires_in_days": 30}
    issued = signed_in.post("/api/v1/tokens/", body, format="json").json()
    assert issued["scope"] == "read"
    credentials = {"username": user.username, "password": PASSWORD, "expires_in_days": 30}
    signed_in.post("/api/v1/auth/token/", credentials, format="json")
    for token in ApiToken.objects.all():
        assert token.expires_at is not None
        assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=30)
