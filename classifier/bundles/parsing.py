"""From the text of a JSON file to its type, or to what is wrong with it in plain sentences."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar

from pydantic import ValidationError

from classifier.bundles.schema import Section

Parsed = TypeVar("Parsed", bound=Section)

LARGEST: Final = 2**63 - 1


class Unsound(ValueError):
    """A file that is not what it should be; `problems` says why, one plain sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def parse(text: str, section: type[Parsed], file_name: str, context: object = None) -> Parsed:
    """The contents of a file as its type. Raises Unsound with every problem found."""
    try:
        values = read_json(text)
    except ValueError as error:
        raise Unsound([f"{file_name} cannot be read: {error}."]) from error
    if not isinstance(values, dict):
        raise Unsound([f"{file_name} does not hold an object."])
    return validated(values, section, file_name, context)


def validated(
    values: Mapping[str, Any], section: type[Parsed], file_name: str, context: object = None
) -> Parsed:
    """Values of JSON as their type. Raises Unsound with every problem found."""
    try:
        return section.model_validate(values, context=context)
    except ValidationError as error:
        raise Unsound(list(_sentences(error, file_name))) from error


def _sentences(error: ValidationError, file_name: str) -> Iterator[str]:
    for each in error.errors(include_url=False):
        message = each["msg"]
        # Such as `per_class[2].recall`.
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
        place = "".join(parts).removeprefix(".")
        if each["type"] == "missing":
            yield f"{file_name} lacks {place}."
        elif each["type"] == "problem" and (not place or message[0].isupper()):
            yield f"{message}."
        elif each["type"] == "problem":
            yield f"{place} in {file_name} {message}."
        else:
            yield f"{place} in {file_name} is wrong: {message[0].lower()}{message[1:]}."


def read_json(text: str) -> object:
    """Parse JSON, and refuse with ValueError what no database or page could take.

    That is NaN and infinity, whole numbers beyond 64 bits, NULs and halves of surrogate pairs.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse, parse_float=_finite_float, parse_int=_bounded_int
        )
        written = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds text that is not Unicode") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if rb"\u0000" in written:
        raise ValueError("it holds a NUL character")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is not a number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it holds a number that is too large")
    return value


def _bounded_int(text: str) -> int:
    # Before int(), which complains of very long numbers in its own words.
    if len(text) > len(str(-LARGEST)) or abs(int(text)) > LARGEST:
        raise ValueError("it holds a number that is too large")
    return int(text)
