"""Pages of what is watched, and the same by program."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.models import Role, WatchLook
from tests.api.conftest import client_of
from tests.factories import PredictionFactory, ProjectFactory, WatchLookFactory


@pytest.fixture
def look(user: User) -> WatchLook:
    """An alarm about one result, which a reviewer confirmed."""
    look = WatchLookFactory.create(watch__owner=user, n=1)
    now = timezone.now()
    PredictionFactory.create(
        image__owner=user, trained_model=look.watch.trained_model, succeeded=True,
        reviewed_label="neutrophil", reviewed_at=now, created_at=now,
    )  # fmt: skip
    WatchLook.objects.update(last_at=timezone.now())
    look.watch.reference_until = look.watch.tested_until = now
    look.watch.save()
    look.refresh_from_db()
    return look


def test_an_alarm_is_listed_with_what_changed_and_its_images(page: Client, look: WatchLook) -> None:
    assert "1 to look at" in page.get("/watch/").text
    address = f"/watch/{look.watch_id}/"
    text = page.get(address).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "neutrophil" in text
    assert "What the network sees" in text
    assert "Validate on your images" in text
    assert "Mean confidence" not in text
    assert "100" in text  # one of one was confirmed
    assert "neutrophil" in page.get(f"{address}windows/{look.pk}/").text
    page.post(f"{address}seen/")
    assert "to look at" not in page.get("/watch/").text
    answer = page.post(f"{address}begin-anew/", follow=True)
    assert "testing begins once it is full" in answer.text


def test_nothing_is_told_to_others(look: WatchLook, other_user: User) -> None:
    other = Client()
    other.force_login(other_user)
    assert "Nothing is watched yet" in other.get("/watch/").text
    for address in ("", f"windows/{look.pk}/"):
        assert other.get(f"/watch/{look.watch_id}/{address}").status_code == 404
    for step in ("seen", "begin-anew"):
        assert other.post(f"/watch/{look.watch_id}/{step}/").status_code == 404
        answer = client_of(other_user).post(f"/api/v1/watches/{look.watch_id}/{step}/")
        assert answer.status_code == 404
    assert client_of(other_user).get("/api/v1/watches/").json() == []


def test_who_only_looks_on_in_a_project_changes_nothing(look: WatchLook, other_user: User) -> None:
    project = ProjectFactory.create(owner=look.watch.owner)
    project.memberships.create(user=other_user, role=Role.VIEWER)
    look.watch.project, look.watch.owner = project, None
    look.watch.save()
    api = client_of(other_user)
    assert api.get(f"/api/v1/watches/{look.watch_id}/").status_code == 200
    assert api.post(f"/api/v1/watches/{look.watch_id}/seen/").status_code == 403
    assert WatchLook.objects.unseen().exists()


def test_a_program_reads_and_settles_alarms(look: WatchLook, user: User) -> None:
    api: APIClient = client_of(user)
    (listed,) = api.get("/api/v1/watches/").json()
    body = api.get(listed["url"]).json()
    assert body["notice"].startswith("Research use only")
    assert body["looks"][0]["is_alarm"]
    assert {row["figure"] for row in body["looks"][0]["changes"] if row["changed"]} == {
        "classes", "features",
    }  # fmt: skip
    (month,) = body["agreement"]
    assert (month["reviewed"], month["confirmed"], month["interval"][1]) == (1, 1, 1.0)
    assert api.post(f"{listed['url']}seen/").json()["looks"][0]["seen_at"]
    assert api.post(f"{listed['url']}begin-anew/").json()["reference_until"] is None
