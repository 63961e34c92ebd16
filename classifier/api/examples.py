"""Examples in the API's documentation."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from classifier.notice import NOTICE

API: Final = "https://classifier.example.org/api/v1"
IMAGE_KEY: Final = "0b8fa3a2-6a4d-4ab4-a7f8-8f5a2f9b4c11"
PREDICTION_KEY: Final = "5b0a0f52-94a1-4f0c-9a55-6f2a3c7de801"
BATCH_KEY: Final = "c1f7f8a6-2f3e-4f19-8f5a-1f0f5a3c9b20"

_PREDICTION: Final[dict[str, Any]] = {
    "id": PREDICTION_KEY,
    "url": f"{API}/predictions/{PREDICTION_KEY}/",
    "status": "SUCCESS",
    "model": "blood-compact",
    "model_version": 1,
    "crop": "auto",
    "labels": None,
    "box": {"left": 80, "upper": 82, "side": 200, "origin": "found"},
    "batch": None,
    "predicted_label": "neutrophil",
    "confidence": 0.97,
    "probabilities": {
        "basophil": 0.0,
        "eosinophil": 0.01,
        "erythroblast": 0.0,
        "immature granulocytes": 0.02,
        "lymphocyte": 0.0,
        "monocyte": 0.0,
        "neutrophil": 0.97,
        "platelet": 0.0,
    },
    "in_distribution": True,
    "limits": "accepted",
    "prediction_set": ["neutrophil"],
    "image": {
        "id": IMAGE_KEY,
        "url": f"{API}/images/{IMAGE_KEY}/",
        "model_view_url": f"{API}/images/{IMAGE_KEY}/model-view/",
        "filename": "cell.png",
        "format": "PNG",
        "width": 360,
        "height": 363,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "created_at": "2026-05-04T09:30:00.000000Z",
    "started_at": "2026-05-04T09:30:00.050000Z",
    "finished_at": "2026-05-04T09:30:00.110000Z",
    "error_message": "",
    "notice": NOTICE,
}
_WAITING: Final[dict[str, Any]] = {
    **_PREDICTION,
    "status": "PENDING",
    "model_version": None,
    "predicted_label": "",
    "confidence": None,
    "probabilities": None,
    "in_distribution": None,
    "limits": "",
    "prediction_set": None,
    "box": None,
    "started_at": None,
    "finished_at": None,
}

PREDICTION: Final = OpenApiExample("A result", _PREDICTION, response_only=True)
CREATED_PREDICTION: Final = OpenApiExample(
    "An accepted image", {**_WAITING, "predictions": [_WAITING]}, response_only=True
)
BATCH: Final = OpenApiExample(
    "A batch on its way",
    {
        "id": BATCH_KEY,
        "url": f"{API}/batches/{BATCH_KEY}/",
        "created_at": "2026-05-04T09:30:00.000000Z",
        "finished_at": None,
        "total": 500,
        "counts": {"PENDING": 340, "STARTED": 32, "SUCCESS": 128, "FAILURE": 0},
        "seconds_left": 5.8,
        "rejected": [{"filename": "notes.txt", "reason": "This file is not an image."}],
        "results_csv": f"{API}/batches/{BATCH_KEY}/results.csv",
        "results_json": f"{API}/batches/{BATCH_KEY}/results.json",
        "notice": NOTICE,
    },
    response_only=True,
)
PROBLEM: Final = OpenApiExample(
    "A field is wrong",
    {
        "title": "Bad Request",
        "status": 400,
        "detail": "Some fields are not valid.",
        "errors": {"model": ["There is no model “blood-x” to choose."]},
    },
    response_only=True,
)
