"""Who may open which page."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.models import Prediction
from tests.factories import ExplanationFactory, PredictionFactory, UserFactory

OPEN = [
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/done/",
    "/accounts/inactive/",
]
CLOSED = [
    "/classify/",
    "/predictions/",
    "/predictions/trash/",
    "/batches/",
    "/batches/new/",
    "/projects/",
    "/models/",
    "/samples/synthetic-neutrophil.png",
    "/samples/synthetic-neutrophil/thumbnail.png",
    "/accounts/email/",
    "/accounts/password/change/",
    "/account/tokens/",
    "/guide/",
    "/gallery/",
    "/gallery/list/",
    "/gallery/rows/",
    "/readings/",
]
OWN = [
    "/predictions/{prediction}/",
    "/predictions/{prediction}/status/",
    "/predictions/{prediction}/delete/",
    "/predictions/{prediction}/explanations/grad-cam.png",
    "/predictions/{prediction}/model-view.png",
    "/images/{image}/image.png",
    "/images/{image}/thumbnail.png",
    "/models/{model}/",
]
PRIVATE = OWN[:-1]


@pytest.fixture
def prediction(user: User) -> Prediction:
    found = PredictionFactory.create(image__owner=user, succeeded=True)
    ExplanationFactory.create(prediction=found, succeeded=True)
    return found


def address(path: str, prediction: Prediction) -> str:
    return path.format(
        prediction=prediction.pk, image=prediction.image_id, model=prediction.trained_model.slug
    )


@pytest.mark.parametrize("path", OPEN)
def test_open_to_everyone(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", [*CLOSED, *OWN])
def test_anonymous_is_sent_to_the_sign_in(
    client: Client, prediction: Prediction, path: str
) -> None:
    url = address(path, prediction)
    response = client.get(url)
    assert response.status_code == 302
    assert response["Location"].startswith(f"/accounts/login/?next={url}")


@pytest.mark.parametrize("path", [*CLOSED, *OWN])
def test_owner_sees_everything_of_their_own(
    client: Client, prediction: Prediction, path: str
) -> None:
    client.force_login(prediction.image.owner)
    assert client.get(address(path, prediction)).status_code == 200


@pytest.mark.parametrize("path", PRIVATE)
def test_another_person_finds_nothing(
    client: Client, other_user: User, prediction: Prediction, path: str
) -> None:
    client.force_login(other_user)
    assert client.get(address(path, prediction)).status_code == 404


@pytest.mark.parametrize("action", ["delete", "retry"])
def test_another_person_can_change_nothing(
    client: Client, other_user: User, prediction: Prediction, action: str
) -> None:
    client.force_login(other_user)
    assert client.post(f"/predictions/{prediction.pk}/{action}/").status_code == 404
    assert Prediction.objects.filter(pk=prediction.pk).exists()


@pytest.mark.parametrize("path", PRIVATE)
def test_staff_see_what_others_have(
    client: Client, staff: User, prediction: Prediction, path: str
) -> None:
    client.force_login(staff)
    assert client.get(address(path, prediction)).status_code == 200


@pytest.mark.parametrize("path", PRIVATE)
def test_staff_without_a_permission_find_nothing(
    client: Client, prediction: Prediction, path: str
) -> None:
    client.force_login(UserFactory.create(is_staff=True))
    assert client.get(address(path, prediction)).status_code == 404


@pytest.mark.parametrize(
    ("action", "needed"), [("delete", "delete_prediction"), ("retry", "change_prediction")]
)
def test_staff_change_what_they_have_the_permission_for(
    client: Client, prediction: Prediction, action: str, needed: str
) -> None:
    person = UserFactory.create(is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_prediction"))
    client.force_login(person)
    path = f"/predictions/{prediction.pk}/{action}/"
    assert client.get(f"/predictions/{prediction.pk}/").status_code == 200
    assert client.post(path).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename=needed))
    assert client.post(path).status_code == 302


@pytest.mark.parametrize("path", ["/classify/", "/classify/preview/"])
def test_anonymous_cannot_post(client: Client, db: None, path: str) -> None:
    assert client.post(path).status_code == 302
    assert not Prediction.objects.exists()


def test_admin_asks_for_the_same_sign_in(client: Client, db: None) -> None:
    location = client.get("/admin/login/")["Location"]
    assert location == "/accounts/login/?next=%2Fadmin%2Flogin%2F"


def test_admin_is_closed_to_others(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get("/admin/login/").status_code == 403


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_retry_takes_posts_only(client: Client, prediction: Prediction, method: str) -> None:
    client.force_login(prediction.image.owner)
    response = getattr(client, method)(f"/predictions/{prediction.pk}/retry/")
    assert response.status_code == 405


def test_admin_link_is_for_staff(client: Client, user: User, staff: User) -> None:
    for person, count in ((user, 0), (staff, 1)):
        client.force_login(person)
        assert client.get("/predictions/").content.decode().count('href="/admin/"') == count


def test_posts_need_the_token(prediction: Prediction) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(prediction.image.owner)
    response = strict.post(f"/predictions/{prediction.pk}/delete/")
    assert response.status_code == 403
    assert "This page was open for too long" in response.content.decode()


def test_inactive_person_is_signed_out(client: Client, db: None) -> None:
    person = UserFactory.create(is_active=False)
    client.force_login(person)
    assert client.get("/predictions/").status_code == 302
