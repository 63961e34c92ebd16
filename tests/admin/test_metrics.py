"""Model metrics: the live record beside the evaluation, versions, and what is taken along."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from classifier.models import ModelVersion, TrainedModel
from classifier.services import desk
from classifier.services.desk.live import live_records
from tests.factories import PredictionFactory, TrainedModelFactory, evaluation_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> TrainedModel:
    """Version 2 answered four times, version 1 once; one answer was corrected."""
    model = TrainedModelFactory.create(slug="blood", title="Blood", version=2)
    for version, accuracy in ((1, 0.8), (2, 0.9)):
        evaluation = {**evaluation_of(model.described.classes), "accuracy": accuracy}
        ModelVersion.objects.create(
            trained_model=model, version=version, sha256="0" * 64, evaluation=evaluation
        )
    known = {"succeeded": True, "trained_model": model, "in_distribution": True}
    for label in ("neutrophil", "monocyte", "", ""):
        PredictionFactory.create(
            **known,
            model_version=2,
            prediction_set=["neutrophil", "monocyte"] if label else ["neutrophil"],
            reviewed_label=label,
            reviewed_at=timezone.now() if label else None,
        )
    PredictionFactory.create(**known, model_version=1, prediction_set=["neutrophil"])
    PredictionFactory.create(failed=True, trained_model=model)
    return model


def test_versions_are_counted_apart(model: TrainedModel) -> None:
    record = live_records([model], desk.PERIODS["24h"])[0]
    assert {version: each.number for version, each in record.by_version.items()} == {1: 1, 2: 4}
    assert record.failed == 1
    assert (record.now.flagged.number, record.now.flagged.of) == (2, 4)
    assert (record.now.agreement.number, record.now.agreement.of) == (1, 2)
    assert record.now.mean_confidence == pytest.approx(0.93)
    assert record.now.share_of("neutrophil").share == 1


def test_the_page_of_a_model_has_its_versions_and_its_evaluation(
    admin_pages: Client, model: TrainedModel
) -> None:
    page = admin_pages.get(reverse("admin:metrics_model", args=["blood"])).content.decode()
    for words in ("80.0", "90.0", "Confusion matrix", "Classification report", "Research use only"):
        assert words in page


def test_models_stand_side_by_side_with_the_report(
    admin_pages: Client, model: TrainedModel
) -> None:
    TrainedModelFactory.create(title="Never asked", evaluation=None)
    page = admin_pages.get(reverse("admin:metrics")).content.decode()
    assert "Never asked" in page
    assert "too few answers" in page
    assert "Reported" in page


def test_more_predictions_take_no_more_queries(admin_pages: Client, model: TrainedModel) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin_pages.get(reverse("admin:metrics"))
        return len(captured)

    queries()
    few = queries()
    PredictionFactory.create_batch(3, succeeded=True)
    assert queries() == few <= 8


def test_the_same_figures_are_taken_along_as_a_table_and_as_json(
    admin_pages: Client, model: TrainedModel
) -> None:
    table = admin_pages.get(reverse("admin:metrics_export", args=["csv"])).content
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    found = admin_pages.get(reverse("admin:metrics_export", args=["json"])).json()
    assert [(row["version"], row["answered"]) for row in rows] == [("1", "1"), ("2", "4")]
    assert [each["answered"] for each in found["models"]] == [1, 4]
    assert found["models"][1]["reviewers_agree"] == 0.5
    assert "Research use only" in found["notice"]
    assert "Research use only" in rows[0]["notice"]
    assert admin_pages.get("/admin/metrics/export.exe").status_code == 404


def test_metrics_are_closed_to_others(client: Client, user: User, model: TrainedModel) -> None:
    client.force_login(user)
    assert client.get(reverse("admin:metrics")).status_code == 302
    user.is_staff = True
    user.save()
    assert client.get(reverse("admin:metrics")).status_code == 403
