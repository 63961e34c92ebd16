"""The results as a CSV file."""

import csv
from pathlib import Path
from typing import Any, Final

from classifier.client.files import written_whole
from classifier.client.journal import Parcel

COLUMNS: Final = (
    "filename", "status", "model", "model_version", "predicted_label", "confidence",
    "in_distribution", "prediction_set", "error_message", "id", "sha256", "limits",
)  # fmt: skip
# The site has this notice and this list too, but the client works where the site's code is not.
NOTICE: Final = "Research use only, not for diagnosis."
# Excel takes a file without it for the encoding of its region.
BYTE_ORDER_MARK: Final = "\ufeff"
# A spreadsheet runs a cell as a formula that starts with one of these, the wide ones in Japan. The
# site has the same list, but the client works where the site's code is not.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def rows_of(
    parcel: Parcel, results: list[dict[str, Any]], rejected: list[dict[str, str]]
) -> list[dict[str, Any]]:
    """What became of each file of a parcel, by the names that the files have here."""
    names, left = own_names(parcel, results)
    if len(left) != len(rejected):
        # An image was deleted at the site, and which of these files it was cannot be told.
        left = [refusal["filename"] for refusal in rejected]
    return [
        *(row_of(names.get(found["image"]["id"]), found) for found in results),
        *(
            row_of_rejected(name, refusal["reason"])
            for name, refusal in zip(left, rejected, strict=True)
        ),
    ]


def own_names(parcel: Parcel, results: list[dict[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """The names of the site's images by their ids, and of the files that are none of these.

    Files are known by their content, since a site may show their names changed.
    """
    left, names = list(parcel.items), {}
    for image in {found["image"]["id"]: found["image"] for found in results}.values():
        same = (item for item in left if parcel.digests.get(item.name) == image["sha256"])
        if item := next(same, None):
            left.remove(item)
            names[image["id"]] = item.text
    return names, [item.text for item in left]


def row_of(name: str | None, prediction: dict[str, Any]) -> dict[str, Any]:
    image = prediction["image"]
    shares = prediction["probabilities"] or {}
    known = prediction.get("in_distribution")
    return {
        **{column: prediction.get(column) for column in COLUMNS},
        "filename": name or image["filename"],
        "sha256": image["sha256"],
        "in_distribution": "" if known is None else str(known).lower(),
        "prediction_set": " | ".join(prediction.get("prediction_set") or ()),
        **{f"p({label})": share for label, share in shares.items()},
        "notice": NOTICE,
    }


def row_of_rejected(name: str, reason: str) -> dict[str, Any]:
    """For a file that was not taken."""
    return {"filename": name, "status": "REJECTED", "error_message": reason, "notice": NOTICE}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """A table that is there is complete."""
    shares = dict.fromkeys(name for row in rows for name in row if name.startswith("p("))
    with written_whole(path) as file:
        file.write(BYTE_ORDER_MARK)
        writer = csv.DictWriter(file, [*COLUMNS, *shares, "notice"])
        writer.writeheader()
        writer.writerows({name: inert(cell) for name, cell in row.items()} for row in rows)


def inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
