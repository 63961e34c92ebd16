"""What must hold of evaluation.json."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from classifier.bundles.verification.uncertainty import measured_uncertainty_problems
from classifier.bundles.verification.values import (
    EVALUATION_FILE,
    Types,
    Values,
    have_intervals,
    is_bin,
    is_count,
    is_list_of,
    is_share,
    nested,
    number_problems,
    type_problems,
)

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

_AVERAGED: Final = ("precision", "recall", "f1", "support")
_PER_CLASS: Final = (*_AVERAGED, "specificity")
_CROSS_VALIDATED: Final = ("accuracy", "balanced_accuracy", "auc")
_OVER_THE_FOLDS: Final = ("mean", "standard_deviation")

# Not in evaluations of earlier releases.
_OPTIONAL_INTERVALS: Final = ("balanced_accuracy", "brier", "ece_by_chance")
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


def evaluation_type_problems(evaluation: Values) -> list[str]:
    """Say which values of evaluation.json are missing or of another type."""
    return list(type_problems(EVALUATION_FILE, evaluation, _EVALUATION_TYPES))


def evaluation_problems(metadata: Values, evaluation: Values) -> Iterator[str]:
    """Say which values of evaluation.json cannot be, or are about another model."""
    if evaluation["n"] < 1:
        yield f"n in {EVALUATION_FILE} is less than 1."
    yield from _per_class_problems(evaluation["per_class"], metadata["classes"])
    for name in ("macro_avg", "weighted_avg"):
        keys = {*_AVERAGED, *evaluation[name]}
        yield from number_problems(name, EVALUATION_FILE, evaluation[name], keys)
    yield from _matrix_problems(evaluation["confusion_matrix"], len(metadata["classes"]))
    yield from _interval_problems(evaluation["intervals"])
    yield from _curve_problems(evaluation, metadata["classes"])
    if "uncertainty" in evaluation:
        yield from measured_uncertainty_problems(evaluation["uncertainty"], metadata["classes"])
    if "cross_validation" in evaluation:
        yield from _cross_validation_problems(evaluation["cross_validation"])
    if evaluation.get("weights_sha256") != metadata["weights"]["sha256"]:
        yield f"{EVALUATION_FILE} is about other weights; run evaluate_model again."


def _cross_validation_problems(found: Any) -> Iterator[str]:
    counts = (nested(found, "folds"), nested(found, "n"))
    shares = (
        nested(found, f"{name}.{value}") for name in _CROSS_VALIDATED for value in _OVER_THE_FOLDS
    )
    if not (all(map(is_count, counts)) and all(map(is_share, shares))):
        yield f"cross_validation in {EVALUATION_FILE} lacks a figure."


def _per_class_problems(rows: Sequence[Any], classes: Sequence[str]) -> Iterator[str]:
    if [nested(row, "label") for row in rows] != classes:
        yield f"The class labels in {EVALUATION_FILE} are not the model's."
        return
    for row in rows:
        yield from number_problems(repr(row["label"]), EVALUATION_FILE, row, _PER_CLASS)
        if "intervals" in row and not have_intervals(row["intervals"], ("recall", "specificity")):
            yield f"intervals of {row['label']!r} in {EVALUATION_FILE} are not two numbers each."


def _matrix_problems(matrix: Sequence[Any], width: int) -> Iterator[str]:
    if [len(row) if isinstance(row, list) else -1 for row in matrix] != [width] * width:
        yield f"The confusion matrix in {EVALUATION_FILE} is not {width} by {width}."
    elif not all(map(is_count, chain(*matrix))):
        yield f"The confusion matrix in {EVALUATION_FILE} holds something other than counts."


def _interval_problems(intervals: Values) -> Iterator[str]:
    named = ["accuracy", "auc"]
    named += [name for name in _OPTIONAL_INTERVALS if name in intervals]
    named += _AVERAGE_INTERVALS if "weighted_avg" in intervals else []
    for name in named:
        if not have_intervals(intervals, [name]):
            yield f"intervals.{name} in {EVALUATION_FILE} is not two numbers, the lower one first."


def _curve_problems(evaluation: Values, classes: Sequence[str]) -> Iterator[str]:
    """Pages leave out what an evaluation lacks, but draw what it has."""
    rules: Mapping[str, tuple[Callable[[Any], bool], str]] = {
        "roc": (
            lambda roc: is_list_of(roc, lambda curve: _is_curve(curve, classes)),
            "a list of curves, each with a class as label, auc, and points in 0–1",
        ),
        "reliability": (
            lambda bins: is_list_of(bins, is_bin),
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


def _is_curve(curve: object, classes: Sequence[str]) -> bool:
    points = nested(curve, "points")
    return (
        nested(curve, "label") in classes
        and is_share(nested(curve, "auc"))
        and is_list_of(points, lambda point: is_list_of(point, is_share, 2))
        and bool(points)
    )


def _is_operating_point(point: object, classes: Sequence[str]) -> bool:
    return (
        nested(point, "positive") in classes
        and all(is_share(nested(point, key)) for key in _OPERATING_SHARES)
        and all(is_count(nested(point, key)) for key in _OPERATING_COUNTS)
        and have_intervals(nested(point, "intervals"), ("sensitivity", "specificity"))
    )
