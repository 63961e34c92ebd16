"""Odd requests and trouble on the server: every answer is a problem document all the same."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from classifier.models import ApiToken, Prediction
from medclassifier.wsgi import application
from tests.api.conftest import client_of
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db

TOKEN = "/api/v1/auth/token/"
TOKENS = "/api/v1/tokens/"


def expect_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", [TOKEN, TOKENS])
def test_json_that_nests_too_deeply(signed_in: APIClient, path: str) -> None:
    answer = signed_in.post(path, "[" * 100_000, content_type="application/json")
    expect_problem(answer, 400)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("&".join(f"a{number}=1" for number in range(2_000)), "x-www-form-urlencoded", 400),
        ('{"name": "' + "x" * 3_000_000 + '"}', "json", 413),
    ],
)
def test_more_than_is_read(signed_in: APIClient, body: str, content_type: str, status: int) -> None:
    expect_problem(signed_in.post(TOKENS, body, content_type=f"application/{content_type}"), status)


def test_a_query_of_too_many_fields(api: APIClient) -> None:
    query = "&".join(f"a{number}=1" for number in range(2_000))
    expect_problem(api.get(f"/api/v1/predictions/?{query}"), 400)


def test_an_unknown_host(client: Client) -> None:
    headers = {"Host": "elsewhere.example"}
    expect_problem(client.get("/api/v1/models/", headers=headers), 400)
    assert client.get("/models/", headers=headers)["Content-Type"].startswith("text/html")


def test_an_unexpected_error(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("This must not be in the answer.")

    api.raise_request_exception = False
    monkeypatch.setattr(Prediction.objects.__class__, "listed", fail)
    answer = api.get("/api/v1/predictions/")
    expect_problem(answer, 500)
    assert "must not" not in answer.content.decode()


def test_an_unknown_address_needs_no_csrf_token(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    expect_problem(client.post("/api/v1/nothing/"), 404)


@pytest.mark.parametrize("method", ["options", "post"])
def test_documentation_is_only_read(client: Client, user: User, method: str) -> None:
    client.force_login(user)
    assert client.generic(method.upper(), "/api/docs/").status_code == 405


def test_the_schema_is_only_read(api: APIClient) -> None:
    expect_problem(api.post("/api/schema/"), 405)


def test_documentation_is_for_those_who_signed_in(client: Client, db: None) -> None:
    expect_problem(client.get("/api/schema/"), 401)
    # A page, for people: they are led to where they sign in.
    assert client.get("/api/docs/")["Location"] == "/accounts/login/?next=/api/docs/"


def test_an_account_is_locked_for_programs_as_for_the_sign_in_page(user: User) -> None:
    page, program = Client(), APIClient()
    wrong = {"login": user.username, "password": "wrong"}
    for _ in range(5):
        page.post("/accounts/login/", wrong, headers={"X-Forwarded-For": "192.0.2.1"})
    right = {"username": user.username, "password": "correct horse battery"}
    answer = program.post(TOKEN, right, REMOTE_ADDR="192.0.2.2")
    expect_problem(answer, 429)
    assert answer["Retry-After"] == "300"
    assert not ApiToken.objects.exists()


def test_guessing_from_many_addresses_locks_the_account(user: User) -> None:
    wrong = {"username": user.username, "password": "wrong"}
    statuses = [
        APIClient().post(TOKEN, wrong, REMOTE_ADDR=f"192.0.2.{number}").status_code
        for number in range(6)
    ]
    assert statuses == [400] * 5 + [429]


def test_an_e_mail_address_buys_a_token(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="one@example.org")
    credentials = {"username": "One@example.org", "password": "correct horse battery"}
    assert APIClient().post(TOKEN, credentials).status_code == 200


def test_a_disabled_person_gets_no_token(user: User) -> None:
    User.objects.update(is_active=False)
    credentials = {"username": user.username, "password": "correct horse battery"}
    expect_problem(APIClient().post(TOKEN, credentials), 400)
    assert not ApiToken.objects.exists()


def refuse_writes(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
) -> Any:
    if sql.startswith(("INSERT", "UPDATE")):
        raise OperationalError("database is locked")
    return execute(sql, params, many, context)


@pytest.mark.django_db(transaction=True)
def test_reading_goes_on_while_the_database_takes_no_writes(user: User) -> None:
    program = client_of(user)
    with connection.execute_wrapper(refuse_writes):
        assert program.get("/api/v1/predictions/").status_code == 200
    assert user.api_tokens.get().last_used_at is None
    assert program.get("/api/v1/predictions/").status_code == 200
    assert user.api_tokens.get().last_used_at is not None


OUT_OF_DISK = "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"


def fill_disk(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """The database itself refuses to write, as it does on a full or read-only disk."""
    if not sql.startswith(("INSERT", "UPDATE", "DELETE")):
        return execute(sql, params, many, context)
    if connection.vendor == "postgresql":
        return execute(OUT_OF_DISK, None, False, context)
    context["cursor"].cursor.connection.execute("PRAGMA query_only = ON")
    try:
        return execute(sql, params, many, context)
    finally:
        context["cursor"].cursor.connection.execute("PRAGMA query_only = OFF")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        ("/api/v1/predictions/{}/", "application/problem+json"),
        ("/predictions/{}/delete/", "text/html"),
    ],
)
def test_a_full_disk_is_no_fault_of_who_deletes(
    signed_in: APIClient, user: User, page: str, content_type: str
) -> None:
    prediction = PredictionFactory.create(succeeded=True, image__owner=user)
    signed_in.raise_request_exception = False
    ask = signed_in.delete if page.startswith("/api/") else signed_in.post
    with connection.execute_wrapper(fill_disk):
        answer = ask(page.format(prediction.pk))
    assert answer.status_code == 507
    assert answer["Content-Type"].startswith(content_type)
    assert b"nothing was changed" in answer.content.lower()
    prediction.refresh_from_db()
    assert prediction.deleted_at is None


def cut_connection(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
) -> Any:
    raise OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/api/v1/predictions/", "application/problem+json"), ("/history/", "text/html")],
)
def test_without_the_database_people_are_asked_to_come_again(
    signed_in: APIClient, path: str, content_type: str
) -> None:
    signed_in.raise_request_exception = False
    with connection.execute_wrapper(cut_connection):
        answer = signed_in.get(path)
    assert answer.status_code == 503
    assert answer["Content-Type"].startswith(content_type)
    assert answer["Retry-After"] == "5"


@pytest.mark.parametrize("path", ["me/", "models/", "predictions/", "batches/", "tokens/"])
def test_answers_are_for_one_person_alone(api: APIClient, path: str) -> None:
    assert "private" in api.get(f"/api/v1/{path}")["Cache-Control"]


@pytest.mark.parametrize("field", ["username", "password"])
def test_endless_credentials_are_refused(user: User, field: str) -> None:
    credentials = {"username": user.username, "password": "wrong", field: "b" * 60_000}
    answer = APIClient().post(TOKEN, credentials)
    expect_problem(answer, 400)
    assert list(answer.json()["errors"]) == [field]


def test_a_query_in_a_charset_of_half_characters(api: APIClient) -> None:
    headers = {"Content-Type": "text/plain; charset=unicode_escape"}
    answer = api.get("/api/v1/predictions/?predicted_label=%5Cud800", headers=headers)
    expect_problem(answer, 400)


def test_a_content_type_that_cannot_be_read() -> None:
    environment = RequestFactory().get("/api/v1/me/", HTTP_HOST="localhost").environ
    environment["CONTENT_TYPE"] = "text/plain; charset*=foo'en'%20"
    started: list[str] = []
    list(application(environment, lambda status, headers: started.append(status)))
    assert started == ["400 Bad Request"]


def test_a_body_of_unknown_length(signed_in: APIClient) -> None:
    answer = signed_in.generic("POST", TOKENS, headers={"Transfer-Encoding": "chunked"})
    expect_problem(answer, 411)


def test_media_types_are_read_in_any_case(signed_in: APIClient) -> None:
    answer = signed_in.generic("POST", TOKENS, '{"name": "lab"}', "Application/JSON")
    assert answer.status_code == 201


def test_a_precondition_that_does_not_hold(api: APIClient, user: User) -> None:
    prediction = PredictionFactory.create(image__owner=user)
    for path in ("models/", f"images/{prediction.image_id}/"):
        expect_problem(api.get(f"/api/v1/{path}", headers={"If-Match": '"other"'}), 412)
