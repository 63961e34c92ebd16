"""The list of models and the page of each."""

import pytest
from django.test import Client

from classifier.models import TrainedModel
from tests.factories import TrainedModelFactory


def test_models_are_grouped_by_what_they_look_at(page: Client, model: TrainedModel) -> None:
    TrainedModelFactory.create(title="Breast model", dataset="breastmnist", channels=1)
    text = page.get("/models/").content.decode()
    assert text.index("Blood cell") < text.index("Blood model") < text.index("Breast ultrasound")
    assert "Recommended" in text
    assert "90.0%" in text
    assert "83.0–94.0%" in text
    assert "28 × 28 px, grey" in text


@pytest.mark.parametrize("state", [{"is_active": False}, {"is_installed": False}])
def test_models_out_of_use_are_not_listed(page: Client, state: dict[str, bool]) -> None:
    hidden = TrainedModelFactory.create(title="Old model", **state)
    assert "Old model" not in page.get("/models/").content.decode()
    assert "Not available" in page.get(hidden.get_absolute_url()).content.decode()


def test_reported_figures_stand_beside_measured_ones(page: Client, model: TrainedModel) -> None:
    assert "Reported accuracy" not in page.get("/models/").content.decode()
    model.metadata["reported"] = {"accuracy": 0.873}
    model.save()
    text = page.get("/models/").content.decode()
    assert "Reported accuracy" in text
    assert "87.3%" in text


def test_model_page_has_figures_matrix_and_limits(page: Client, model: TrainedModel) -> None:
    text = page.get("/models/blood/").content.decode()
    assert "Confusion matrix" in text
    assert text.count("is-right") == 8
    assert "shade-10" in text
    assert "One laboratory&#x27;s images." in text
    assert "Small cell fragment that makes blood clot" in text
    assert "Research use only" in text


def test_model_without_evaluation(page: Client) -> None:
    TrainedModelFactory.create(slug="fresh", evaluation=None)
    for path in ("/models/", "/models/fresh/", "/classify/"):
        assert page.get(path).status_code == 200
    assert "Not evaluated yet" in page.get("/models/fresh/").content.decode()


def test_unknown_model(page: Client) -> None:
    assert page.get("/models/nothing/").status_code == 404
