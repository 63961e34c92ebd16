"""What must hold of a bundle's files, whatever its dataset; `classifier.registry` asks.

Pages, API and database take a bundle's values as they are, so that one bad value here would break
them for everyone. Each check gives its problems, one plain sentence each.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

METADATA_FILE: Final = "metadata.json"
EVALUATION_FILE: Final = "evaluation.json"

Values = Mapping[str, Any]
Types = Mapping[str, type | tuple[type, ...]]

_METADATA_TYPES: Types = {
    "schema_version": int,
    "slug": str,
    "title": str,
    "version": int,
    "dataset": str,
    "architecture": str,
    "classes": list,
    "input.size": int,
    "input.channels": int,
    "weights.file": str,
    "weights.sha256": str,
    "parameters": int,
    "training": dict,
    "reported": (dict, type(None)),
    "intended_use": str,
    "limitations": list,
}
_OPTIONAL_METADATA_TYPES: Types = {"recommended": bool, "weights.versions": dict}
_UNCERTAINTY_TYPES: Types = {
    "file": str,
    "sha256": str,
    "layers": list,
    "coverage": float,
    "acceptance": float,
    "temperature": float,
}
_EVALUATION_TYPES: Types = {
    "split": str,
    "n": int,
    "accuracy": float,
    "auc": float,
    "balanced_accuracy": float,
    "per_class": list,
    "macro_avg": dict,
    "weighted_avg": dict,
    "confusion_matrix": list,
    "ece": float,
    "brier": float,
    "intervals.accuracy": list,
    "intervals.auc": list,
    "data.file": str,
    "data.sha256": str,
}
# What the columns of TrainedModel hold.
_LENGTHS: Final = {"slug": 80, "title": 120, "architecture": 80}
_RANGES: Final = {"version": (1, 2**31 - 1), "input.size": (1, 1024)}
_CHANNELS: Final = (1, 3)
_LARGEST: Final = 2**63 - 1

_AVERAGED: Final = ("precision", "recall", "f1", "support")
_PER_CLASS: Final = (*_AVERAGED, "specificity")

# The averaged figures that have intervals, and shares in 0–1 of an operating point.
_AVERAGE_INTERVALS: Final = tuple(f"weighted_avg.{key}" for key in ("precision", "recall", "f1"))
_OPERATING_SHARES: Final = (
    "target_sensitivity",
    "threshold",
    "sensitivity",
    "specificity",
    "validation.sensitivity",
    "validation.specificity",
)
_OPERATING_COUNTS: Final = ("n_positive", "n_negative", "validation.n")

_MISSING = object()


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


def metadata_type_problems(metadata: Values) -> list[str]:
    """Say which values of metadata.json are missing or of another type."""
    given = {
        key: expected
        for key, expected in _OPTIONAL_METADATA_TYPES.items()
        if _nested(metadata, key) is not _MISSING
    }
    if "uncertainty" in metadata:
        given |= {f"uncertainty.{key}": value for key, value in _UNCERTAINTY_TYPES.items()}
    return list(_type_problems(METADATA_FILE, metadata, {**_METADATA_TYPES, **given}))


def evaluation_type_problems(evaluation: Values) -> list[str]:
    """Say which values of evaluation.json are missing or of another type."""
    return list(_type_problems(EVALUATION_FILE, evaluation, _EVALUATION_TYPES))


def _type_problems(file_name: str, values: Values, types: Types) -> Iterator[str]:
    for key, expected in types.items():
        value = _nested(values, key)
        if value is _MISSING:
            yield f"{file_name} lacks {key}."
        elif not _is_instance(value, expected):
            yield f"{key} in {file_name} has the wrong type."


def _nested(values: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return _MISSING
        values = values[part]
    return values


def _is_instance(value: object, expected: type | tuple[type, ...]) -> bool:
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))


def metadata_problems(metadata: Values) -> Iterator[str]:
    """Say which values of metadata.json, all of the right type, cannot be."""
    if not re.fullmatch("[-a-zA-Z0-9_]+", metadata["slug"]):
        yield f"slug in {METADATA_FILE} is not made of letters, digits, hyphens and underscores."
    for key, longest in _LENGTHS.items():
        if not metadata[key].strip() or len(metadata[key]) > longest:
            yield f"{key} in {METADATA_FILE} does not have 1 to {longest} characters."
    for key, (low, high) in _RANGES.items():
        if not low <= _nested(metadata, key) <= high:
            yield f"{key} in {METADATA_FILE} is not between {low} and {high}."
    if metadata["input"]["channels"] not in _CHANNELS:
        yield f"input.channels in {METADATA_FILE} is neither 1 nor 3."
    if metadata["reported"]:
        named = {"accuracy", *metadata["reported"]}
        yield from _number_problems("reported", METADATA_FILE, metadata["reported"], named)
    yield from _training_problems(metadata)


def _training_problems(metadata: Values) -> Iterator[str]:
    training = metadata["training"]
    if "selected_epoch" in training and not _is_count(training["selected_epoch"]):
        yield f"training.selected_epoch in {METADATA_FILE} is not a whole number."
    if not _is_list_of(training.get("differs_from_report", []), _is_text):
        yield f"training.differs_from_report in {METADATA_FILE} is not a list of sentences."


def _number_problems(
    what: str, file_name: str, values: Values, keys: Iterable[str]
) -> Iterator[str]:
    for key in sorted(keys):
        if not _is_instance(values.get(key), float):
            yield f"{key} of {what} in {file_name} is not a number."


def weights_problems(folder: Path, weights: Mapping[str, str]) -> list[str]:
    """Say why the weights file cannot be the one that the metadata name."""
    return _file_problems(folder, weights, "weights file", ".keras")


def _file_problems(folder: Path, named: Mapping[str, str], what: str, suffix: str) -> list[str]:
    try:
        return list(_mismatches(folder, named, what, suffix))
    # ValueError: the name holds a NUL. RuntimeError: a link leads back to itself.
    except (OSError, RuntimeError, ValueError) as error:
        return [f"The {what} {named['file']!r} cannot be read: {reason(error)}."]


def _mismatches(folder: Path, named: Mapping[str, str], what: str, suffix: str) -> Iterator[str]:
    file_name = named["file"]
    path = folder / file_name
    if path.resolve().parent != folder.resolve():
        yield f"The {what} {file_name!r} is not inside the bundle's folder."
    elif not path.is_file():
        yield f"The {what} {file_name!r} is missing."
    elif path.suffix != suffix:
        yield f"The {what} {file_name!r} is not a {suffix} file."
    elif _sha256(path) != named["sha256"]:
        yield f"The checksum of {file_name!r} is not the one in {METADATA_FILE}."


def version_problems(metadata: Values) -> Iterator[str]:
    """Say where the weights are not those on record for their version.

    `weights.versions` keeps the checksum of each version's weights, so that weights replaced by
    hand under their old version are found out. A bundle without it says nothing about its past.
    """
    version, weights = metadata["version"], metadata["weights"]
    checksums = weights.get("versions", {str(version): weights["sha256"]})
    if checksums.get(str(version)) != weights["sha256"]:
        yield (
            f"weights.versions in {METADATA_FILE} does not give these weights as version "
            f"{version}: raise the version with every change of the weights, and add its checksum."
        )


def uncertainty_problems(folder: Path, metadata: Values) -> list[str]:
    """Say why the file with the model's uncertainty is not the one named, or cannot be used."""
    named = metadata["uncertainty"]
    problems = _file_problems(folder, named, "uncertainty file", ".npz")
    if not all(isinstance(layer, str) for layer in named["layers"]):
        problems.append(f"uncertainty.layers in {METADATA_FILE} does not hold names of layers.")
    if not 0 < named["coverage"] < 1:
        problems.append(f"uncertainty.coverage in {METADATA_FILE} is not between 0 and 1.")
    return problems or list(_array_problems(folder / named["file"], len(metadata["classes"])))


def _array_problems(path: Path, classes: int) -> Iterator[str]:
    """The arrays of `classifier.inference.uncertainty.Uncertainty`, in shapes that fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    # What NumPy raises depends on what is wrong with the file.
    except Exception as error:
        yield f"{path.name} cannot be read: {reason(error)}."
        return
    directions = arrays.get("axes", np.zeros(0))
    features, axes = directions.shape if directions.ndim == 2 else (-1, -1)
    shapes = {
        "centre": (features,),
        "scale": (features,),
        "axes": (features, axes),
        "reference": (len(np.atleast_1d(arrays.get("reference", np.zeros(0)))), axes + 1),
        "limit": (),
        "thresholds": (classes,),
    }
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or not arrays[name].size:
            yield f"{name} in {path.name} is missing or has another shape than {shape}."
        elif arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            yield f"{name} in {path.name} holds something other than finite numbers."


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def evaluation_problems(metadata: Values, evaluation: Values) -> Iterator[str]:
    """Say which values of evaluation.json cannot be, or are about another model."""
    if evaluation["n"] < 1:
        yield f"n in {EVALUATION_FILE} is less than 1."
    yield from _per_class_problems(evaluation["per_class"], metadata["classes"])
    for name in ("macro_avg", "weighted_avg"):
        keys = {*_AVERAGED, *evaluation[name]}
        yield from _number_problems(name, EVALUATION_FILE, evaluation[name], keys)
    yield from _matrix_problems(evaluation["confusion_matrix"], len(metadata["classes"]))
    yield from _interval_problems(evaluation["intervals"])
    yield from _curve_problems(evaluation, metadata["classes"])
    if evaluation.get("weights_sha256") != metadata["weights"]["sha256"]:
        yield f"{EVALUATION_FILE} is about other weights; run evaluate_model again."


def _per_class_problems(rows: Sequence[Any], classes: Sequence[str]) -> Iterator[str]:
    if [_nested(row, "label") for row in rows] != classes:
        yield f"The class labels in {EVALUATION_FILE} are not the model's."
        return
    for row in rows:
        yield from _number_problems(repr(row["label"]), EVALUATION_FILE, row, _PER_CLASS)
        if "intervals" in row and not _have_intervals(row["intervals"], ("recall", "specificity")):
            yield f"intervals of {row['label']!r} in {EVALUATION_FILE} are not two numbers each."


def _matrix_problems(matrix: Sequence[Any], width: int) -> Iterator[str]:
    if [len(row) if isinstance(row, list) else -1 for row in matrix] != [width] * width:
        yield f"The confusion matrix in {EVALUATION_FILE} is not {width} by {width}."
    elif not all(map(_is_count, chain(*matrix))):
        yield f"The confusion matrix in {EVALUATION_FILE} holds something other than counts."


def _interval_problems(intervals: Values) -> Iterator[str]:
    named = ["accuracy", "auc"]
    named += ["balanced_accuracy"] if "balanced_accuracy" in intervals else []
    named += _AVERAGE_INTERVALS if "weighted_avg" in intervals else []
    for name in named:
        if not _have_intervals(intervals, [name]):
            yield f"intervals.{name} in {EVALUATION_FILE} is not two numbers, the lower one first."


def _have_intervals(values: object, names: Iterable[str]) -> bool:
    return all(_is_interval(_nested(values, name)) for name in names)


def _is_interval(pair: Any) -> bool:
    are_numbers = _is_list_of(pair, lambda value: _is_instance(value, float), length=2)
    return are_numbers and bool(pair[0] <= pair[1])


def _curve_problems(evaluation: Values, classes: Sequence[str]) -> Iterator[str]:
    """Pages leave out what an evaluation lacks, but draw what it has."""
    rules: Mapping[str, tuple[Callable[[Any], bool], str]] = {
        "roc": (
            lambda roc: _is_list_of(roc, lambda curve: _is_curve(curve, classes)),
            "a list of curves, each with a class as label, auc, and points in 0–1",
        ),
        "reliability": (
            lambda bins: _is_list_of(bins, _is_bin),
            "a list of bins, each with confidence and accuracy in 0–1, and count",
        ),
        "operating_point": (
            lambda point: _is_operating_point(point, classes),
            "a threshold with its sensitivity, specificity, intervals and numbers of images",
        ),
    }
    for key, (is_sound, shape) in rules.items():
        if key in evaluation and not is_sound(evaluation[key]):
            yield f"{key} in {EVALUATION_FILE} is not {shape}."


def _is_list_of(values: object, is_sound: Callable[[Any], bool], length: int | None = None) -> bool:
    if not isinstance(values, list) or length not in (None, len(values)):
        return False
    return all(is_sound(value) for value in values)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_share(value: Any) -> bool:
    return _is_instance(value, float) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return _is_instance(value, int) and value >= 0


def _is_curve(curve: object, classes: Sequence[str]) -> bool:
    points = _nested(curve, "points")
    return (
        _nested(curve, "label") in classes
        and _is_share(_nested(curve, "auc"))
        and _is_list_of(points, lambda point: _is_list_of(point, _is_share, 2))
        and bool(points)
    )


def _is_bin(each: object) -> bool:
    shares = (_nested(each, "confidence"), _nested(each, "accuracy"))
    return all(map(_is_share, shares)) and _is_count(_nested(each, "count"))


def _is_operating_point(point: object, classes: Sequence[str]) -> bool:
    return (
        _nested(point, "positive") in classes
        and all(_is_share(_nested(point, key)) for key in _OPERATING_SHARES)
        and all(_is_count(_nested(point, key)) for key in _OPERATING_COUNTS)
        and _have_intervals(_nested(point, "intervals"), ("sensitivity", "specificity"))
    )
