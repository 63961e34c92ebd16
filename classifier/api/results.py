"""The results of a batch, row by row, so that a large batch is never in memory as a whole."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rest_framework.renderers import JSONRenderer

from classifier.api.serializers import PredictionSerializer
from classifier.models import Batch, Prediction, TrainedModel
from classifier.notice import NOTICE

CSV_TYPE: Final = "text/csv"
ROWS_AT_ONCE: Final = 200
COLUMNS: Final = (
    "filename", "status", "model", "model_version", "predicted_label", "confidence",
    "in_distribution", "prediction_set", "error_message", "id", "sha256",
    "width", "height", "created_at", "finished_at",
)  # fmt: skip
REJECTED: Final = "REJECTED"
# Excel takes a file without it for the encoding of its region.
BYTE_ORDER_MARK: Final = "\ufeff"
# A spreadsheet runs a cell as a formula that starts with one of these, the wide ones in Japan.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_lines(batch: Batch) -> Iterator[str]:
    """A header and one line for each prediction; the last columns are probabilities by class.

    Files that were not taken come last, with the reason.
    """
    labels = _labels(batch)
    columns = [*COLUMNS, *(f"p({label})" for label in labels), "notice"]
    yield BYTE_ORDER_MARK + _line(columns)
    for prediction in _predictions(batch):
        probabilities = dict(prediction.ranked_probabilities)
        columns_of_classes = [probabilities.get(label, "") for label in labels]
        yield _line([*_cells(prediction), *columns_of_classes, NOTICE])
    for refusal in batch.rejected:
        row = {
            "filename": refusal["filename"],
            "status": REJECTED,
            "error_message": refusal["reason"],
            "notice": NOTICE,
        }
        yield _line([row.get(column, "") for column in columns])


def json_pieces(
    batch: Batch, summary: Mapping[str, Any], context: dict[str, Any]
) -> Iterator[bytes]:
    """The summary of the batch with the member `results`: its predictions."""
    render = JSONRenderer().render
    yield render(summary).rstrip(b"}") + b',"results":['
    for number, prediction in enumerate(_predictions(batch)):
        row = PredictionSerializer(prediction, context=context).data
        yield (b"," if number else b"") + render(row)
    yield b"]}"


def _predictions(batch: Batch) -> Iterator[Prediction]:
    rows = Prediction.objects.kept().filter(batch=batch).with_relations().in_order()
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _labels(batch: Batch) -> list[str]:
    """The classes of all models in the batch."""
    models = TrainedModel.objects.filter(predictions__batch=batch).distinct()
    return list(dict.fromkeys(label for model in models for label in model.described.classes))


def _cells(prediction: Prediction) -> list[object]:
    image, known = prediction.image, prediction.in_distribution
    return [
        image.shown_path,
        prediction.status,
        prediction.trained_model.slug,
        prediction.model_version,
        prediction.predicted_label,
        prediction.confidence,
        "" if known is None else str(known).lower(),
        " | ".join(prediction.prediction_set or ()),
        prediction.error_message,
        prediction.pk,
        image.sha256,
        image.width,
        image.height,
        prediction.created_at.isoformat(),
        prediction.finished_at.isoformat() if prediction.finished_at else "",
    ]


def _line(cells: list[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_inert(cell) for cell in cells])
    return buffer.getvalue()


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
