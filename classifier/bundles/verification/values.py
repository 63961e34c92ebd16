"""JSON as bundles hold it, and what a single value in it is."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn

Values = Mapping[str, Any]
Types = Mapping[str, type | tuple[type, ...]]

METADATA_FILE: Final = "metadata.json"
EVALUATION_FILE: Final = "evaluation.json"

_LARGEST: Final = 2**63 - 1

MISSING: Final = object()


def parse(text: str) -> object:
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
    if len(text) > len(str(-_LARGEST)) or abs(int(text)) > _LARGEST:
        raise ValueError("it holds a number that is too large")
    return int(text)


def reason(error: Exception) -> str:
    """What went wrong, without the number and path that an OSError's text brings."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def type_problems(file_name: str, values: Values, types: Types) -> Iterator[str]:
    """Say which keys, such as `input.size`, are missing or hold another type."""
    for key, expected in types.items():
        value = nested(values, key)
        if value is MISSING:
            yield f"{file_name} lacks {key}."
        elif not is_instance(value, expected):
            yield f"{key} in {file_name} has the wrong type."


def number_problems(
    what: str, file_name: str, values: Values, keys: Iterable[str]
) -> Iterator[str]:
    """Say which keys of a part of a file hold no number."""
    for key in sorted(keys):
        if not is_instance(values.get(key), float):
            yield f"{key} of {what} in {file_name} is not a number."


def nested(values: Any, key: str) -> Any:
    """The value at a key such as `input.size`; MISSING where there is none."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return MISSING
        values = values[part]
    return values


def is_instance(value: object, expected: type | tuple[type, ...]) -> bool:
    """Like isinstance, but a whole number is a float and a bool no number."""
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))


def is_list_of(values: object, is_sound: Callable[[Any], bool], length: int | None = None) -> bool:
    """A list, of `length` values if that is given, each of them sound."""
    if not isinstance(values, list) or length not in (None, len(values)):
        return False
    return all(is_sound(value) for value in values)


def is_text(value: object) -> bool:
    """A string."""
    return isinstance(value, str)


def is_share(value: Any) -> bool:
    """A number in 0–1."""
    return is_instance(value, float) and 0 <= value <= 1


def is_count(value: Any) -> bool:
    """A whole number that is not negative."""
    return is_instance(value, int) and value >= 0


def is_interval(pair: Any) -> bool:
    """Two numbers, the lower one first."""
    are_numbers = is_list_of(pair, lambda value: is_instance(value, float), length=2)
    return are_numbers and bool(pair[0] <= pair[1])


def have_intervals(values: object, names: Iterable[str]) -> bool:
    """Whether all these keys hold intervals."""
    return all(is_interval(nested(values, name)) for name in names)


def is_bin(each: object) -> bool:
    """A group of a reliability diagram: confidence and accuracy in 0–1, and count."""
    shares = (nested(each, "confidence"), nested(each, "accuracy"))
    return all(map(is_share, shares)) and is_count(nested(each, "count"))
