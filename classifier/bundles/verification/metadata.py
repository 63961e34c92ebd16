"""What must hold of metadata.json."""

import re
from collections.abc import Iterator
from typing import Final

from classifier.bundles.verification.values import (
    METADATA_FILE,
    MISSING,
    Types,
    Values,
    is_count,
    is_list_of,
    is_text,
    nested,
    number_problems,
    type_problems,
)

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
# What the columns of TrainedModel hold.
LONGEST: Final = {"slug": 80, "title": 120, "architecture": 80}
_RANGES: Final = {"version": (1, 2**31 - 1), "input.size": (1, 1024)}
_CHANNELS: Final = (1, 3)


def metadata_type_problems(metadata: Values) -> list[str]:
    """Say which values of metadata.json are missing or of another type."""
    given = {
        key: expected
        for key, expected in _OPTIONAL_METADATA_TYPES.items()
        if nested(metadata, key) is not MISSING
    }
    if "uncertainty" in metadata:
        given |= {f"uncertainty.{key}": value for key, value in _UNCERTAINTY_TYPES.items()}
    return list(type_problems(METADATA_FILE, metadata, {**_METADATA_TYPES, **given}))


def metadata_problems(metadata: Values) -> Iterator[str]:
    """Say which values of metadata.json, all of the right type, cannot be."""
    if not re.fullmatch("[-a-zA-Z0-9_]+", metadata["slug"]):
        yield f"slug in {METADATA_FILE} is not made of letters, digits, hyphens and underscores."
    for key, longest in LONGEST.items():
        if not metadata[key].strip() or len(metadata[key]) > longest:
            yield f"{key} in {METADATA_FILE} does not have 1 to {longest} characters."
    for key, (low, high) in _RANGES.items():
        if not low <= nested(metadata, key) <= high:
            yield f"{key} in {METADATA_FILE} is not between {low} and {high}."
    if metadata["input"]["channels"] not in _CHANNELS:
        yield f"input.channels in {METADATA_FILE} is neither 1 nor 3."
    if metadata["reported"]:
        named = {"accuracy", *metadata["reported"]}
        yield from number_problems("reported", METADATA_FILE, metadata["reported"], named)
    yield from _training_problems(metadata)


def _training_problems(metadata: Values) -> Iterator[str]:
    training = metadata["training"]
    if "selected_epoch" in training and not is_count(training["selected_epoch"]):
        yield f"training.selected_epoch in {METADATA_FILE} is not a whole number."
    if not is_list_of(training.get("differs_from_report", []), is_text):
        yield f"training.differs_from_report in {METADATA_FILE} is not a list of sentences."
    for key in ("network", "augmentation", "refining", "software"):
        if not isinstance(training.get(key, {}), dict):
            yield f"training.{key} in {METADATA_FILE} is not an object."
    if not is_list_of(training.get("further_members", []), lambda each: isinstance(each, dict)):
        yield f"training.further_members in {METADATA_FILE} is not a list of objects."
    if not is_text(metadata.get("summary", "")):
        yield f"summary in {METADATA_FILE} is not a text."


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
