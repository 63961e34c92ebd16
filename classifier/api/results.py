"""The results of a batch, row by row, so that a large batch is never in memory as a whole."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from classifier.api.serializers import PredictionSerializer
from classifier.api.tables import BYTE_ORDER_MARK, box_cells, csv_line, json_object
from classifier.models import Batch, Prediction, TrainedModel
from classifier.notice import NOTICE

CSV_TYPE: Final = "text/csv"
ROWS_AT_ONCE: Final = 200
COLUMNS: Final = (
    "filename", "status", "model", "model_version", "predicted_label", "confidence",
    "in_distribution", "prediction_set", "error_message", "id", "sha256",
    "width", "height",
    "box_left", "box_upper", "box_side", "box_origin", "created_at", "finished_at", "limits",
    "labels",
)  # fmt: skip
REJECTED: Final = "REJECTED"


def csv_lines(batch: Batch) -> Iterator[str]:
    """A header and one line for each prediction; the last columns are probabilities by class.

    Files that were not taken come last, with the reason.
    """
    models = TrainedModel.objects.filter(predictions__batch=batch).distinct()
    labels = dict.fromkeys(label for model in models for label in model.described.classes)
    columns = [*COLUMNS, *(f"p({label})" for label in labels), "notice"]
    yield BYTE_ORDER_MARK + csv_line(columns)
    for prediction in _predictions(batch):
        probabilities = dict(prediction.ranked_probabilities)
        columns_of_classes = [probabilities.get(label, "") for label in labels]
        image, known = prediction.image, prediction.in_distribution
        yield csv_line(
            [
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
                *box_cells(prediction),
                prediction.created_at.isoformat(),
                prediction.finished_at.isoformat() if prediction.finished_at else "",
                prediction.limits.value,
                " | ".join(prediction.labels or ()),
                *columns_of_classes,
                NOTICE,
            ]
        )
    for refusal in batch.rejected:
        row = {
            "filename": refusal["filename"],
            "status": REJECTED,
            "error_message": refusal["reason"],
            "notice": NOTICE,
        }
        yield csv_line([row.get(column, "") for column in columns])


def json_pieces(
    batch: Batch, summary: Mapping[str, Any], context: dict[str, Any]
) -> Iterator[bytes]:
    """The summary of the batch with the member `results`: its predictions."""
    # One for all: to set up its fields takes longer than to fill them in.
    said = PredictionSerializer(context=context)
    rows = (said.to_representation(row) for row in _predictions(batch))
    return json_object(summary, "results", rows)


def _predictions(batch: Batch) -> Iterator[Prediction]:
    rows = Prediction.objects.kept().filter(batch=batch).with_relations().in_order()
    return rows.iterator(chunk_size=ROWS_AT_ONCE)
