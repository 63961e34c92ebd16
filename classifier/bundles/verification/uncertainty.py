"""What must hold of a bundle's uncertainty: its facts, its arrays and what was measured of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from classifier.bundles.verification.files import file_problems
from classifier.bundles.verification.values import (
    EVALUATION_FILE,
    METADATA_FILE,
    Values,
    is_bin,
    is_count,
    is_instance,
    is_interval,
    is_list_of,
    is_share,
    is_text,
    nested,
    reason,
)

_SPOILT_SHARES: Final = (
    "accuracy",
    "acceptance",
    "accepted_accuracy",
    "flagged",
    "errors_flagged",
)


def uncertainty_problems(folder: Path, metadata: Values) -> list[str]:
    """Say why the file with the model's uncertainty is not the one named, or cannot be used."""
    named = metadata["uncertainty"]
    problems = file_problems(folder, named, "uncertainty file", ".npz")
    if not all(isinstance(layer, str) for layer in named["layers"]):
        problems.append(f"uncertainty.layers in {METADATA_FILE} does not hold names of layers.")
    if not 0 < named["coverage"] < 1:
        problems.append(f"uncertainty.coverage in {METADATA_FILE} is not between 0 and 1.")
    return problems or list(_array_problems(folder / named["file"], len(metadata["classes"])))


def _array_problems(path: Path, classes: int) -> Iterator[str]:
    """The arrays of `classifier.networks.limits.Uncertainty`, in shapes that fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    # What NumPy raises depends on what is wrong with the file.
    except Exception as error:
        yield f"{path.name} cannot be read: {reason(error)}."
        return
    directions = arrays.get("axes", np.zeros(0))
    features, axes = directions.shape if directions.ndim == 2 else (-1, -1)
    images = len(np.atleast_1d(arrays.get("reference", np.zeros(0))))
    shapes = {
        "centre": (features,),
        "scale": (features,),
        "axes": (features, axes),
        "reference": (images, axes + 1),
        "spread": (images,),
        "limit": (),
        "thresholds": (classes,),
    }
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or not arrays[name].size:
            yield f"{name} in {path.name} is missing or has another shape than {shape}."
        elif arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            yield f"{name} in {path.name} holds something other than finite numbers."


def measured_uncertainty_problems(section: object, classes: Sequence[str]) -> Iterator[str]:
    """Say which values of the section `uncertainty` of evaluation.json no page can show."""
    share = "a share in 0–1 with its n and interval"
    rules: Mapping[str, tuple[Callable[[Any], bool], str]] = {
        "coverage": (_is_aimed_share, f"{share}, and a target"),
        "per_class": (lambda rows: _is_per_class(rows, classes), f"{share} for each class"),
        "set_size": (_is_set_size, "a mean number of classes, and the share of sets of one"),
        "acceptance": (_is_aimed_share, f"{share}, and a target"),
        "flagged": (_is_measured_share, share),
        "errors_flagged": (_is_measured_share, share),
        "rejection": (lambda rows: is_list_of(rows, _is_rejection), f"{share} for each kind"),
        "corruptions": (lambda rows: is_list_of(rows, _is_corruption), "a list of named shares"),
        "calibration": (_is_calibration, "a temperature with errors and bins before and after"),
    }
    for key, (is_sound, shape) in rules.items():
        if not is_sound(nested(section, key)):
            yield f"uncertainty.{key} in {EVALUATION_FILE} is not {shape}."


def _is_measured_share(values: object) -> bool:
    """Of no images there is neither share nor interval."""
    n, share, interval = (nested(values, key) for key in ("n", "share", "interval"))
    if not is_count(n):
        return False
    return is_share(share) and is_interval(interval) if n else share is None and interval is None


def _is_aimed_share(values: object) -> bool:
    return _is_measured_share(values) and is_share(nested(values, "target"))


def _is_per_class(rows: Any, classes: Sequence[str]) -> bool:
    are_shares = is_list_of(rows, _is_measured_share)
    return are_shares and [nested(row, "label") for row in rows] == list(classes)


def _is_set_size(values: object) -> bool:
    mean, n, single = (nested(values, key) for key in ("mean", "n", "single"))
    return is_instance(mean, float) and mean >= 0 and is_count(n) and _is_measured_share(single)


def _is_rejection(row: object) -> bool:
    return is_text(nested(row, "images")) and _is_measured_share(row)


def _is_corruption(row: object) -> bool:
    shares = (nested(row, key) for key in _SPOILT_SHARES)
    return is_text(nested(row, "corruption")) and all(map(_is_measured_share, shares))


def _is_calibration(values: object) -> bool:
    return (
        is_instance(nested(values, "temperature"), float)
        and is_count(nested(values, "n"))
        and _is_stage(nested(values, "before"))
        and _is_stage(nested(values, "after"))
    )


def _is_stage(values: object) -> bool:
    return (
        is_share(nested(values, "ece"))
        and is_instance(nested(values, "log_loss"), float)
        and is_list_of(nested(values, "reliability"), is_bin)
    )
