"""The results as a CSV file."""

import csv
from pathlib import Path
from typing import Any, Final

COLUMNS: Final = (
    "filename", "status", "model", "model_version", "predicted_label", "confidence",
    "in_distribution", "prediction_set", "error_message", "id", "sha256",
)  # fmt: skip
NOTICE: Final = "Research use only, not for diagnosis."


def row_of(prediction: dict[str, Any]) -> dict[str, Any]:
    image = prediction["image"]
    shares = prediction["probabilities"] or {}
    known = prediction.get("in_distribution")
    return {
        **{column: prediction.get(column) for column in COLUMNS},
        "filename": image["filename"],
        "sha256": image["sha256"],
        "in_distribution": "" if known is None else str(known).lower(),
        "prediction_set": " | ".join(prediction.get("prediction_set") or ()),
        **{f"p({label})": share for label, share in shares.items()},
        "notice": NOTICE,
    }


def row_of_rejected(rejected: dict[str, str]) -> dict[str, Any]:
    """For a file that the site did not take."""
    return {
        "filename": rejected["filename"],
        "status": "REJECTED",
        "error_message": rejected["reason"],
        "notice": NOTICE,
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Whole or not at all: a table that is there is complete."""
    shares = dict.fromkeys(name for row in rows for name in row if name.startswith("p("))
    draft = path.with_suffix(".tmp")
    with draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *shares, "notice"])
        writer.writeheader()
        writer.writerows(rows)
    draft.replace(path)
