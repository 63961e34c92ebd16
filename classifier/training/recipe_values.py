"""What the values of a recipe must be: of their field's type, and within what makes sense.

A TOML file takes any value for any name, and what a training takes for something else it would name
wrongly on the model's card.
"""

import math
import types
from collections.abc import Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from classifier.bundles.registry import LONGEST

# The least and the greatest value of a number; None where there is no bound.
RANGES: Final[Mapping[str, tuple[float, float | None]]] = {
    "size": (1, 1024),
    "epochs": (1, None),
    "batch_size": (1, None),
    "members": (1, None),
    "seed": (0, 2**32 - 1),
    "learning_rate": (0, None),
    "weight_decay": (0, None),
    "warmup_epochs": (0, None),
    "label_smoothing": (0, 1),
    "weight_averaging": (0, 1),
    "refining_epochs": (0, None),
    "refining_learning_rate": (0, None),
    "refining_warmup_epochs": (0, None),
    "refining_weight_averaging": (0, 1),
    "coverage": (0.5, 1),
    "acceptance": (0.5, 1),
    "folds": (0, None),
}


class RecipeError(ValueError):
    """A recipe that does not exist or does not say what it must."""


def check_values(record: object, where: str) -> None:
    """Raise RecipeError for the first field of a dataclass that has a value it cannot have."""
    for name, hint in get_type_hints(type(record)).items():
        value = getattr(record, name)
        if not _is_of(value, hint):
            raise RecipeError(f"{where}: {name} cannot be {value!r}.{_choices(hint)}")
        if name in RANGES and not _is_within(value, *RANGES[name]):
            raise RecipeError(f"{where}: {name} cannot be {value!r}.")
        if name in LONGEST and not 1 <= len(value.strip()) <= len(value) <= LONGEST[name]:
            raise RecipeError(f"{where}: {name} needs 1 to {LONGEST[name]} characters.")


def _is_within(value: float, low: float, high: float | None) -> bool:
    return low <= value and (high is None or value <= high)


def _is_of(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return any(_is_of(value, each) for each in get_args(hint))
    if get_origin(hint) is tuple:
        element, _ = get_args(hint)
        return isinstance(value, tuple) and all(_is_of(each, element) for each in value)
    kind = get_origin(hint) or hint
    if kind is float:
        return _is_of(value, int) or (isinstance(value, float) and math.isfinite(value))
    # True is an int for Python, and for nobody else.
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _choices(hint: Any) -> str:
    known = get_args(hint) if get_origin(hint) is Literal else ()
    return f" It can be {', '.join(map(repr, known))}." if known else ""
