"""Projects: made, shared, left and deleted, and seen by nobody else."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from classifier.models import Project, Role
from tests.factories import BatchFactory, PredictionFactory, ProjectFactory

URL = "/projects/"


@pytest.fixture
def project(user: User) -> Project:
    return ProjectFactory.create(owner=user, name="Smears")


@pytest.fixture
def joined(user: User, other_user: User) -> Project:
    """A project of somebody else in which the person looks on."""
    joined: Project = ProjectFactory.create(owner=other_user, name="Theirs")
    joined.memberships.create(user=user, role=Role.VIEWER)
    return joined


def test_a_project_is_made(page: Client, user: User) -> None:
    answer = page.post(URL, {"name": "Smears"})
    made = Project.objects.get()
    assert (made.name, made.owner) == ("Smears", user)
    assert answer["Location"] == f"{URL}{made.pk}/"


@pytest.mark.parametrize("name", ["", " ", "x" * 121])
def test_a_project_has_a_name(page: Client, name: str) -> None:
    assert page.post(URL, {"name": name}).status_code == 400
    assert not Project.objects.exists()


def test_the_list_holds_what_one_is_part_of(
    page: Client, project: Project, joined: Project
) -> None:
    ProjectFactory.create(name="Foreign")
    text = page.get(URL).content.decode()
    assert "Smears" in text
    assert "Theirs" in text
    assert "Foreign" not in text


def test_members_are_added_changed_and_taken_out(
    page: Client, project: Project, other_user: User
) -> None:
    for role in ("viewer", "reader"):
        page.post(f"{URL}{project.pk}/members/", {"username": other_user.username, "role": role})
        assert project.memberships.get().role == role
    assert str(other_user) in page.get(f"{URL}{project.pk}/").content.decode()
    page.post(f"{URL}{project.pk}/members/", {"remove": other_user.username})
    assert not project.memberships.exists()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"username": "nobody", "role": "reader"}, 200),
        ({"username": "", "role": "reader"}, 400),
        ({"username": "nobody", "role": "owner"}, 400),
    ],
)
def test_who_cannot_be_added_is_told(
    page: Client, project: Project, fields: dict[str, str], status: int
) -> None:
    answer = page.post(f"{URL}{project.pk}/members/", fields, follow=True)
    assert answer.status_code == status
    assert not project.memberships.exists()


def test_a_project_is_renamed_and_deleted_but_not_its_batches(
    page: Client, user: User, project: Project
) -> None:
    batch = BatchFactory.create(owner=user, project=project, name="Monday")
    page.post(f"{URL}{project.pk}/", {"name": "Bone marrow"})
    assert "Bone marrow" in page.get(f"{URL}{project.pk}/").content.decode()
    assert "Its batches are kept" in page.get(f"{URL}{project.pk}/delete/").content.decode()
    page.post(f"{URL}{project.pk}/delete/")
    batch.refresh_from_db()
    assert batch.project is None
    assert not Project.objects.exists()


def test_a_member_leaves(page: Client, joined: Project) -> None:
    assert "Leave" in page.get(f"{URL}{joined.pk}/").content.decode()
    text = page.post(f"{URL}{joined.pk}/leave/", follow=True).content.decode()
    assert "You have left" in text
    assert page.get(f"{URL}{joined.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("action", "fields"),
    [("", {"name": "Mine"}), ("members/", {"username": "x", "role": "reader"}), ("delete/", {})],
)
def test_a_member_does_not_change_the_project(
    page: Client, joined: Project, action: str, fields: dict[str, str]
) -> None:
    text = page.post(f"{URL}{joined.pk}/{action}", fields, follow=True).content.decode()
    assert "Only the owner of this project can do that" in text
    joined.refresh_from_db()
    assert joined.name == "Theirs"
    assert joined.memberships.count() == 1


def test_who_looks_on_is_offered_nothing_that_would_be_refused(
    client: Client, page: Client, user: User, other_user: User, joined: Project
) -> None:
    batch = BatchFactory.create(owner=other_user, project=joined)
    failed = PredictionFactory.create(failed=True, image__owner=other_user, batch=batch)
    address = failed.get_absolute_url()
    shown = page.get(address).content.decode()
    assert "Its owner and readers can try again" in shown
    assert f"{address}retry/" not in shown
    assert f"{address}delete/" not in shown
    assert "Bring images" not in page.get(f"{URL}{joined.pk}/").content.decode()
    joined.memberships.update(role=Role.READER)
    assert f"{address}retry/" in page.get(address).content.decode()
    assert "Bring images" in page.get(f"{URL}{joined.pk}/").content.decode()


def test_the_results_of_a_project_are_a_gallery(
    page: Client, user: User, other_user: User, joined: Project
) -> None:
    batch = BatchFactory.create(owner=other_user, project=joined)
    PredictionFactory.create(succeeded=True, image__owner=other_user, batch=batch)
    PredictionFactory.create(succeeded=True, image__owner=user)
    gallery = f"/gallery/?project={joined.pk}"
    text = page.get(gallery).content.decode()
    assert "<span data-total>1</span>" in text
    assert "What the chosen images are" not in text
    joined.memberships.update(role=Role.READER)
    assert "What the chosen images are" in page.get(gallery).content.decode()
    assert page.get(f"/gallery/?project={ProjectFactory.create().pk}").status_code == 404


@pytest.mark.parametrize("action", ["", "delete/"])
def test_outside_nothing_is_there(
    client: Client, other_user: User, project: Project, action: str
) -> None:
    client.force_login(other_user)
    assert client.get(f"{URL}{project.pk}/{action}").status_code == 404
    for post in ("", "members/", "leave/", "delete/"):
        assert client.post(f"{URL}{project.pk}/{post}", {"name": "Mine"}).status_code == 404
    project.refresh_from_db()
    assert project.name == "Smears"
