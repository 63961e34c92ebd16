"""What each role reaches: every address of site, API and admin, with every method."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from classifier import audit
from classifier.models import (
    ApiToken,
    Assignment,
    Event,
    ModelImport,
    Prediction,
    SavedView,
    Webhook,
    WebhookDelivery,
)
from tests.factories import (
    AdaptationFactory,
    BatchFactory,
    ExplanationFactory,
    LabelledImageFactory,
    PredictionFactory,
    ProjectFactory,
    UserFactory,
    ValidationFactory,
    WatchLookFactory,
)

pytestmark = pytest.mark.django_db

TABLE = Path(settings.BASE_DIR) / "docs" / "access.md"
HEADING = """# Who reaches what

Each address with each method that it takes, as a person without an account, the owner of what it is
about, another member, and people of other roles get it. *yes*: answered, if only with what is wrong
with an empty request; a page may answer that something is for the owner alone. *–*: asked to sign
in. *hidden*: 404, as if not there. *no*: 403 or sent back to the sign-in. Members of a project are
in `tests/api/test_roles.py`. Written by `tests/test_roles.py`, which fails when this is no longer
so; `WRITE_ACCESS=1` makes it write anew.

"""
ROLES: Final = ("nobody", "owner", "member", "reviewer", "auditor", "administrator")
# Of the admin, the pages of each table; what Django adds (history, autocompletion) follows them.
ADMIN_PAGES = ("changelist", "add", "change", "delete")


@pytest.fixture
def people(groups: None) -> dict[str, User]:
    found = {"owner": UserFactory.create(username="owner")}
    for role in ROLES[2:]:
        found[role] = UserFactory.create(username=f"the-{role}")
        call_command("set_role", f"the-{role}", role, stdout=io.StringIO())
    return {name: User.objects.get(pk=person.pk) for name, person in found.items()}


@pytest.fixture
def keys(people: dict[str, User], rung: list[str]) -> dict[str, Any]:
    """Something of the owner's for each kind of address, by the part of it that names the kind."""
    owner = people["owner"]
    project = ProjectFactory.create(owner=owner)
    batch, given = BatchFactory.create_batch(2, owner=owner)
    prediction = PredictionFactory.create(image__owner=owner, batch=batch, succeeded=True)
    batch.trained_models.add(prediction.trained_model)
    assignment = Assignment.objects.create(batch=given, reader=owner)
    view = SavedView.objects.create(owner=owner, name="Mine")
    token, _ = ApiToken.objects.issue(owner, name="Mine")
    PredictionFactory.create(image__owner=owner, deleted_at=timezone.now(), succeeded=True)
    explanation = ExplanationFactory.create(prediction=prediction, succeeded=True)
    labelled = LabelledImageFactory.create(labelled_set__owner=owner)
    validation = ValidationFactory.create(
        labelled_set=labelled.labelled_set, trained_model=prediction.trained_model
    )
    brought = ModelImport.objects.create(owner=owner, filename="model.zip")
    webhook = Webhook.objects.create(owner=owner, url="https://hook.example/")
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, event=Event.BATCH, subject_key="mine"
    )
    session = UserSession.objects.create(user=owner, session_key="mine", ip="127.0.0.1")
    look = WatchLookFactory.create(
        watch__owner=owner, watch__trained_model=prediction.trained_model
    )
    audit.seal()
    return {
        "webhooks": webhook.pk,
        "deliveries": delivery.pk,
        "keys": 0,
        "sessions": session.pk,
        "oidc": "institution",
        "predictions": prediction.pk,
        "images": prediction.image_id,
        "batches": batch.pk,
        "assignments": assignment.pk,
        "readings": assignment.pk,
        "projects": project.pk,
        "views": view.pk,
        "tokens": token.pk,
        "models": prediction.trained_model.slug,
        "samples": "synthetic-neutrophil",
        "explanations": explanation.method,
        "labelled-sets": labelled.labelled_set_id,
        "labels": 0,
        "validations": validation.pk,
        "adaptations": AdaptationFactory.create(
            labelled_set=labelled.labelled_set, trained_model=prediction.trained_model
        ).pk,
        "model-imports": brought.pk,
        "imports": brought.pk,
        "watch": look.watch_id,
        "watches": look.watch_id,
        "windows": look.pk,
    }


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        route = before + str(each.pattern).removeprefix("^").removesuffix(r"\Z").removesuffix("$")
        if isinstance(each, URLResolver):
            yield from patterns(each, route)
        else:
            yield route, each


def addresses() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every address as it stands in the code, with the methods that it may take."""
    for route, pattern in patterns(get_resolver()):
        if not route.startswith("admin/") and "(?P" not in route and "\\" not in route:
            yield route, methods(pattern.callback)
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label_lower):
        for page in ADMIN_PAGES:
            place = f"admin/{model._meta.app_label}/{model._meta.model_name}/"
            end = {"changelist": "", "add": "add/"}.get(
                page, f"<{model._meta.label_lower}>/{page}/"
            )
            yield place + end, ("GET", "POST")
    yield "admin/", ("GET",)


def methods(view: Any) -> tuple[str, ...]:
    if actions := getattr(view, "actions", None):
        return tuple(method.upper() for method in actions if method != "head")
    if view_class := getattr(view, "cls", None):
        offered = ("get", "post", "put", "patch", "delete")
        return tuple(method.upper() for method in offered if hasattr(view_class, method))
    return ("GET", "POST")


def filled(route: str, keys: dict[str, Any]) -> str:
    """The address of something of the owner's."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in {model._meta.label_lower for model in admin.site._registry}:
            found = apps.get_model(name)._base_manager.order_by("pk").first()
            return str(found.pk) if found else "0"
        if name == "str:username":
            return "the-member"
        if name.endswith(":key"):
            return "key"
        return str(keys.get(route[: match.start()].rstrip("/").split("/")[-1], "missing"))

    return "/" + re.sub("<([^>]+)>", value, route)


def answer(client: Client, method: str, address: str) -> str:
    cookies = client.cookies.copy()
    with transaction.atomic():
        response = client.generic(method, address)
        transaction.set_rollback(True)
    client.cookies = cookies
    if response.status_code == 401 or "/accounts/login/?next=" in response.get("Location", ""):
        return "–"
    if "/admin/login/?next=" in response.get("Location", ""):
        return "no"
    words = {403: "no", 404: "hidden", 405: "not offered", 500: "ERROR"}
    return words.get(response.status_code, "yes")


def rows(people: dict[str, User], keys: dict[str, Any]) -> Iterator[str]:
    clients = {role: Client(raise_request_exception=False) for role in ROLES}
    for role, person in people.items():
        clients[role].force_login(person)
    for route, offered in dict(addresses()).items():
        address = filled(route, keys)
        for method in offered:
            answers = [answer(clients[role], method, address) for role in ROLES]
            if not {"not offered"} & {*answers}:
                yield f"| {method} | `/{route}` | {' | '.join(answers)} |"


# Some three thousand requests: a quarter of a minute, and minutes on a machine that is busy.
@pytest.mark.timeout(1200)
def test_each_role_reaches_what_the_table_says(
    people: dict[str, User], keys: dict[str, Any]
) -> None:
    head = f"| | address | {' | '.join(ROLES)} |\n{'|---' * (len(ROLES) + 2)}|\n"
    text = HEADING + head + "\n".join(rows(people, keys)) + "\n"
    if os.environ.get("WRITE_ACCESS"):
        TABLE.write_text(text)
    assert "ERROR" not in text
    assert text == TABLE.read_text()


def test_an_auditor_sees_the_trail_and_no_image(people: dict[str, User]) -> None:
    prediction = PredictionFactory.create(image__owner=people["owner"], succeeded=True)
    assert not Prediction.objects.visible_to(people["auditor"]).exists()
    assert Prediction.objects.visible_to(people["reviewer"]).get() == prediction
    assert people["auditor"].has_perm("classifier.view_auditevent")
    assert not people["reviewer"].has_perm("classifier.view_auditevent")


def test_nobody_has_a_right_to_change_the_trail_through_a_role(people: dict[str, User]) -> None:
    client = Client()
    event = audit.record(audit.Action.REVIEWED)
    for person in people.values():
        client.force_login(person)
        for page in ("change", "delete"):
            address = f"/admin/classifier/auditevent/{event.pk}/{page}/"
            assert client.post(address, {"post": "yes"}).status_code in {302, 403}
    event.refresh_from_db()
    assert event.digest == event.computed_digest()


def test_a_role_takes_the_place_of_the_one_before(people: dict[str, User]) -> None:
    call_command("set_role", "the-reviewer", "member", stdout=io.StringIO())
    person = User.objects.get(username="the-reviewer")
    assert [group.name for group in person.groups.all()] == ["Members"]
    assert not person.is_staff
    with pytest.raises(CommandError, match="no such person"):
        call_command("set_role", "who", "member")
