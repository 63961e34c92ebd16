"""The OpenAPI schema as a page to read: no scripts, and in the look of the application."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

REFERENCE: Final = "#/components/schemas/"


@dataclass(frozen=True)
class Field:
    """A parameter or a part of a body. `shape` names a schema of its own, where it is one."""

    name: str
    kind: str
    is_required: bool
    description: SafeString
    shape: str = ""


@dataclass(frozen=True)
class Body:
    content_type: str
    kind: str
    shape: str


@dataclass(frozen=True)
class Answer:
    code: str
    description: SafeString
    kind: str
    shape: str


@dataclass(frozen=True)
class Operation:
    """One address with one method."""

    key: str
    method: str
    path: str
    description: SafeString
    parameters: list[Field]
    bodies: list[Body]
    answers: list[Answer]


@dataclass(frozen=True)
class Documentation:
    """Operations by the first part of their address, and every shape by its name."""

    sections: dict[str, list[Operation]]
    shapes: dict[str, list[Field]]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html", {"documentation": documentation()})


@cache
def documentation() -> Documentation:
    """Made once for each process: what the schema says does not change while it runs."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    sections: dict[str, list[Operation]] = defaultdict(list)
    for path, methods in schema["paths"].items():
        for method, found in methods.items():
            sections[found["tags"][0]].append(_operation(path, method, found))
    shapes = {name: list(_fields(found)) for name, found in schema["components"]["schemas"].items()}
    return Documentation(dict(sections), shapes)


def _operation(path: str, method: str, found: dict[str, Any]) -> Operation:
    parameters = [
        Field(
            each["name"],
            f"{_kind(each['schema'])[0]}, in the {each['in']}",
            bool(each.get("required")),
            _words(each),
        )
        for each in found.get("parameters", ())
    ]
    contents = found.get("requestBody", {}).get("content", {})
    bodies = [
        Body(content_type, *_kind(content.get("schema", {})))
        for content_type, content in contents.items()
    ]
    answers = []
    for code, answer in found["responses"].items():
        first: dict[str, Any] = next(iter(answer.get("content", {}).values()), {})
        kind, shape = _kind(first["schema"]) if "schema" in first else ("", "")
        answers.append(Answer(code, _words(answer), kind, shape))
    return Operation(
        found["operationId"], method.upper(), path, _words(found), parameters, bodies, answers
    )


def _fields(schema: dict[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        kind, shape = _kind(each)
        yield Field(name, kind, name in required, _words(each), shape)


def _kind(schema: dict[str, Any]) -> tuple[str, str]:
    """What kind of value it is, in words, and the shape that it has or is made of."""
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            choices = [_kind(each) for each in schema[several]]
            words = " or ".join(dict.fromkeys(kind for kind, _ in choices if kind))
            return words, next((shape for _, shape in choices if shape), "")
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REFERENCE)
        return name, name
    if values := schema.get("enum"):
        return "one of " + ", ".join(str(each) for each in values if each is not None), ""
    if schema.get("type") == "array":
        kind, shape = _kind(schema.get("items", {}))
        return f"list of {kind}", shape
    kinds = schema.get("type", "anything")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return f"{words} ({schema['format']})" if "format" in schema else words, ""


def _words(found: dict[str, Any]) -> SafeString:
    """A description with what it sets in backticks as code."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(found.get("description", "")))
    return mark_safe(text)  # noqa: S308, escaped above
