"""The documentation, as it is served and as it is committed."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

METHODS_WITH_BODY = {"post", "put", "patch"}


def served_schema() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in served_schema()["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.django_db
def test_the_committed_schema_is_the_served_one(api: APIClient) -> None:
    committed = Path(settings.BASE_DIR) / "classifier" / "api" / "schema.yaml"
    served = yaml.safe_load(api.get("/api/schema/").content)
    assert yaml.safe_load(committed.read_text()) == served, "run make schema"
    validate_schema(served)


@pytest.mark.parametrize(("name", "operation"), operations(), ids=lambda value: str(value)[:60])
def test_each_operation_names_its_errors(name: str, operation: dict[str, Any]) -> None:
    codes = set(operation["responses"])
    assert "429" in codes
    assert operation["description"]
    assert ("401" in codes) == (name != "post /api/v1/auth/token/")
    assert ("404" in codes) or "{" not in name
    if "requestBody" in operation:
        assert {"400", "413", "415"} <= codes
    for code, answer in operation["responses"].items():
        if code >= "400":
            assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.django_db
def test_the_schema_comes_as_json_too(api: APIClient) -> None:
    answer = api.get("/api/schema/?format=json")
    assert answer.json()["info"]["title"] == "medclassifier"
