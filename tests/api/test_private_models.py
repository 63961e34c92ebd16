"""A model that is adapted for one person or project is nobody else's to see or to choose."""

import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.models import Membership, Prediction, Role, TrainedModel
from tests.api.conftest import client_of
from tests.factories import (
    ImageUploadFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
    UserFactory,
    png,
)

SLUG = "ours"


@pytest.fixture
def model(user: User) -> TrainedModel:
    return TrainedModelFactory.create(
        slug=SLUG, title="Our own model", is_offered=False, owner=user
    )


def slugs_for(person: User) -> set[str]:
    """What a person may choose, by page and by program, which agree."""
    client = Client()
    client.force_login(person)
    by_program = {row["slug"] for row in client_of(person).get("/api/v1/models/").json()}
    on_page = "Our own model" in client.get("/models/").text
    assert on_page == (SLUG in by_program)
    assert (client.get(f"/models/{SLUG}/").status_code == 200) == on_page
    assert ("Our own model" in client.get("/classify/").text) == on_page
    assert ("Our own model" in client.get("/batches/new/").text) == on_page
    return by_program


def offered(model: TrainedModel) -> None:
    model.is_offered = True
    model.save()


def through_a_project(model: TrainedModel, person: User) -> None:
    model.project = ProjectFactory.create(owner=model.owner)
    model.save()
    Membership.objects.create(project=model.project, user=person, role=Role.VIEWER)


@pytest.mark.parametrize(
    "share", [lambda model, person: offered(model), through_a_project], ids=["offered", "project"]
)
def test_others_see_it_only_when_it_is_shared(
    model: TrainedModel, user: User, share: Callable[[TrainedModel, User], None]
) -> None:
    other = UserFactory.create()
    assert slugs_for(user) == {SLUG}
    assert slugs_for(other) == set()
    share(model, other)
    assert slugs_for(other) == {SLUG}


def test_administrators_see_it(model: TrainedModel, staff: User) -> None:
    assert slugs_for(staff) == {SLUG}


def test_a_visitor_learns_nothing_of_it(model: TrainedModel, client: Client) -> None:
    assert "Our own model" not in client.get("/models/").text
    model.owner = None
    model.save()
    assert "Our own model" not in client.get("/models/").text


def test_others_cannot_run_it(model: TrainedModel, user: User, other_user: User) -> None:
    image = ImageUploadFactory.create(owner=other_user)
    prediction = PredictionFactory.create(image=image, owner=other_user)
    before = Prediction.objects.count()
    api = client_of(other_user)

    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("cell.png", png(), "image/png")

    refused = [
        api.post("/api/v1/predictions/", {"image": file(), "model": SLUG}),
        api.post("/api/v1/batches/", {"images": [file()], "model": SLUG}),
        api.post(
            "/api/v1/predictions/run-again/",
            {"predictions": [str(prediction.pk)], "model": SLUG},
            format="json",
        ),
        api.get(f"/api/v1/images/{image.pk}/model-view/?model={SLUG}"),
    ]
    assert [answer.status_code for answer in refused] == [400, 400, 400, 400]
    assert api.get(f"/api/v1/models/{SLUG}/").status_code == 404
    page = Client()
    page.force_login(other_user)
    assert page.post("/classify/", {"image": io.BytesIO(png()), "model": SLUG}).status_code == 400
    assert Prediction.objects.count() == before
    assert (
        client_of(user).post("/api/v1/predictions/", {"image": file(), "model": SLUG}).status_code
        == 202
    )
