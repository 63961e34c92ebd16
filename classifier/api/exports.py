"""What a search finds, to take along: a table, JSON, or the images sorted into folders."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rest_framework.renderers import JSONRenderer

from classifier.api.serializers import PredictionSerializer
from classifier.api.tables import BYTE_ORDER_MARK, box_cells, csv_line
from classifier.models import Prediction, PredictionQuerySet, TrainedModel
from classifier.notice import NOTICE
from classifier.services.zips import Pipe

ROWS_AT_ONCE: Final = 200
COLUMNS: Final = (
    "path", "status", "model", "model_version", "predicted_label", "confidence", "certainty",
    "prediction_set", "reviewed_label", "review_state", "note", "reviewed_at", "batch",
    "error_message", "id", "sha256", "width", "height",
    "box_left", "box_upper", "box_side", "box_origin", "created_at", "finished_at",
    "labels",
)  # fmt: skip
NO_CLASS: Final = "no class"


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    extension: str
    content_type: str
    pieces: Callable[[PredictionQuerySet, dict[str, Any]], Iterator[bytes]]


def csv_pieces(predictions: PredictionQuerySet, context: dict[str, Any]) -> Iterator[bytes]:
    """A header and a line for each result; the last columns are probabilities by class."""
    # The classes of all models of which there are results, in the order of each.
    answered = predictions.filter(status="SUCCESS").order_by()
    models = TrainedModel.objects.filter(pk__in=answered.values("trained_model"))
    labels = list(dict.fromkeys(label for model in models for label in model.described.classes))
    columns = [*COLUMNS, *(f"p({label})" for label in labels), "notice"]
    yield (BYTE_ORDER_MARK + csv_line(columns)).encode()
    for row in _rows(predictions):
        probabilities = dict(row.ranked_probabilities)
        shares = [probabilities.get(label, "") for label in labels]
        yield csv_line([*_cells(row), *shares, NOTICE]).encode()


def json_pieces(predictions: PredictionQuerySet, context: dict[str, Any]) -> Iterator[bytes]:
    """A list of results as the API gives them one by one."""
    render = JSONRenderer().render
    # One for all: to set up its fields takes longer than to fill them in.
    said = PredictionSerializer(context=context)
    yield b"["
    for number, row in enumerate(_rows(predictions)):
        yield (b"," if number else b"") + render(said.to_representation(row))
    yield b"]"


def zip_pieces(predictions: PredictionQuerySet, context: dict[str, Any]) -> Iterator[bytes]:
    """The images in a folder for each group, as they are stored, with a table of what is where.

    An image that several models looked at lies in the folder of each answer.
    """
    target = Pipe()
    table = io.StringIO()
    table.write(BYTE_ORDER_MARK + csv_line(["file", *COLUMNS, "notice"]))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for row in _rows(predictions):
            name = f"{_folder(row)}/{row.pk}{Path(str(row.image.file.name)).suffix}"
            try:
                with row.image.file.open() as file:
                    archive.writestr(name, file.read())
            except OSError:
                name = ""
            table.write(csv_line([name, *_cells(row), NOTICE]))
            yield target.taken()
        archive.writestr("labels.csv", table.getvalue())
    yield target.taken()


CSV: Final = Kind("csv", "text/csv", csv_pieces)
JSON: Final = Kind("json", "application/json", json_pieces)
ZIP: Final = Kind("zip", "application/zip", zip_pieces)


def _rows(predictions: PredictionQuerySet) -> Iterator[Prediction]:
    rows = predictions.listed().order_by("-created_at", "-pk")
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _cells(row: Prediction) -> list[object]:
    image = row.image
    return [
        image.shown_path,
        row.status,
        row.trained_model.slug,
        row.model_version,
        row.predicted_label,
        row.confidence,
        row.certainty,
        " | ".join(row.prediction_set or ()),
        row.reviewed_label,
        row.review_state,
        row.note,
        row.reviewed_at.isoformat() if row.reviewed_at else "",
        row.batch_id or "",
        row.error_message,
        row.pk,
        image.sha256,
        image.width,
        image.height,
        *box_cells(row),
        row.created_at.isoformat(),
        row.finished_at.isoformat() if row.finished_at else "",
        " | ".join(row.labels or ()),
    ]


def _folder(row: Prediction) -> str:
    """A class by a name that every system takes for a folder."""
    return re.sub(r"[^\w ,()-]+", "-", row.gallery_group).strip(" .-") or NO_CLASS
