"""The list of models and the page of each."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from classifier.models import TrainedModel
from tests.factories import (
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
    curves_of,
    uncertainty_of,
)


def test_models_are_grouped_by_what_they_look_at(page: Client, model: TrainedModel) -> None:
    TrainedModelFactory.create(title="Breast model", dataset="breastmnist", channels=1)
    text = page.get("/models/").content.decode()
    assert text.index("Blood cell") < text.index("Blood model") < text.index("Breast ultrasound")
    assert "Recommended" in text
    assert "90.0\xa0%" in text
    assert "83.0–94.0\xa0%" in text
    assert "28 px" in text
    assert "BloodMNIST rebuilt from PBC, own split" in text
    assert "Research use only" in text


@pytest.mark.parametrize("state", [{"is_active": False}, {"is_installed": False}])
def test_models_out_of_use_are_not_listed(page: Client, state: dict[str, bool]) -> None:
    hidden = TrainedModelFactory.create(title="Old model", **state)
    assert "Old model" not in page.get("/models/").content.decode()
    assert "Not available" in page.get(hidden.get_absolute_url()).content.decode()


REPORTED = {"accuracy": 0.85, "precision": 0.86, "recall": 0.85, "f1": 0.846}


def test_reported_metrics_stand_beside_measured_ones(page: Client, model: TrainedModel) -> None:
    report = TrainedModelFactory.create(slug="reported", title="Of the report")
    report.metadata["reported"] = REPORTED
    report.save()
    text = page.get("/models/").content.decode()
    assert text.index("Of the report") < text.index("Blood model"), "the report comes first"
    first, second = (each.split("</tr>")[0] for each in text.split('<th scope="row">')[1:3])
    for shown in (
        "85\xa0%",
        "86\xa0%",
        "84.6\xa0%",
        "90.0\xa0%",
        "83.0–94.0\xa0%",
        ">100<",
        "0.40 M",
    ):
        assert shown in first
    assert second.count(">–<") == 4

    assert "Reported and measured" in page.get("/models/reported/").content.decode()
    assert "Reported and measured" not in page.get("/models/blood/").content.decode()


def test_what_differs_from_the_report_is_on_the_page(page: Client, model: TrainedModel) -> None:
    model.metadata["reported"] = REPORTED
    model.metadata["training"]["differs_from_report"] = ["The zoom is 0.1 instead of 2."]
    model.save()
    assert "The zoom is 0.1 instead of 2." in page.get("/models/blood/").content.decode()


def test_cross_validation_is_on_the_page_where_it_was_recorded(
    page: Client, model: TrainedModel
) -> None:
    assert "Cross-validation" not in page.get("/models/blood/").content.decode()
    assert model.evaluation
    model.evaluation |= curves_of(model.metadata["classes"])
    model.save()
    text = page.get("/models/blood/").content.decode()
    assert "Accuracy 85.3\xa0% ± 2.1\xa0%, AUC 0.911 ± 0.012 (5 folds, all 780 images)" in text


def test_model_page_has_metrics_matrix_and_limits(page: Client, model: TrainedModel) -> None:
    text = page.get("/models/blood/").content.decode()
    assert "Confusion matrix" in text
    assert text.count("is-right") == 8
    assert "shade-10" in text
    assert "One laboratory&#x27;s images." in text
    assert "Small cell fragment that makes blood clot" in text
    assert "Research use only" in text


def test_the_report_has_the_rows_of_scikit_learns(page: Client, model: TrainedModel) -> None:
    text = page.get("/models/blood/").content.decode()
    report = text.split('id="report-title"')[1].split("</table>")[0]
    rows = [row.split("<")[0] for row in report.split('<th scope="row">')[1:]]
    assert rows == [*model.metadata["classes"], "accuracy", "macro avg", "weighted avg"]
    heads = [head.split("<")[0] for head in report.split('class="number">')[1:6]]
    assert heads == ["Precision", "Recall", "F1-score", "Support", "Specificity"]


def test_curves_are_pictures_with_words_and_numbers(page: Client) -> None:
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    breast.evaluation |= curves_of(breast.metadata["classes"])
    breast.save()
    text = page.get("/models/breast/").content.decode()
    pictures = text.split('<svg class="chart"')[1:]
    assert len(pictures) == 2
    for picture in pictures:
        assert 'role="img"' in picture
        assert "<title" in picture
        assert "<desc" in picture
        assert "<details" in picture
        assert "<polyline" in picture
        assert "100 test" in picture
    assert "style=" not in text

    operating = text.split('id="operating-title"')[1].split("</table>")[0]
    for shown in (
        "0.310",
        "88.1\xa0%",
        "80.0–95.0\xa0%",
        "78 held out",
        "100 test",
        "42 are malignant",
    ):
        assert shown in operating


def test_an_evaluation_without_curves_has_no_pictures(page: Client, model: TrainedModel) -> None:
    text = page.get("/models/blood/").content.decode()
    assert 'class="chart"' not in text
    assert "Operating point" not in text


def test_the_calibration_error_stands_beside_that_of_chance(page: Client) -> None:
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    assert "perfectly calibrated" not in page.get("/models/breast/").content.decode()
    breast.evaluation["intervals"] |= {"ece_by_chance": [0.0301, 0.0881], "brier": [0.05, 0.2]}
    breast.save()
    text = re.sub("<(?!d[td]>)[^>]+>", "", page.get("/models/breast/").content.decode())
    assert "Calibration error<dd>0.020 95&nbsp;% range if perfectly calibrated 0.030–0.088" in text
    assert "Brier score<dd>0.100 0.050–0.200" in text


def test_near_duplicates_in_the_training_part_are_told(page: Client) -> None:
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    assert "near-duplicate" not in page.get("/models/breast/").content.decode()
    breast.evaluation["without_twins"] = {"share": 0.85, "n": 60, "interval": [0.75, 0.91]}
    breast.save()
    text = page.get("/models/breast/").content.decode()
    assert "40 of them have a near-duplicate in training or validation" in text
    assert "on the 60 without one the accuracy is 85.0\xa0% (75.0–91.0\xa0%)" in text


def test_sensitivity_and_specificity_stand_where_accuracy_stands(page: Client, user: User) -> None:
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    image = ImageUploadFactory.create(owner=user)
    prediction = PredictionFactory.create(
        image=image, trained_model=breast, succeeded=True, predicted_label="malignant"
    )
    for path in ("/classify/", "/models/", "/models/breast/", prediction.get_absolute_url()):
        text = page.get(path).content.decode()
        for shown in ("90.0\xa0%", "95.0\xa0%", "ensitivity", "pecificity", "malignant"):
            assert shown in text, path
        assert "larger probability" in text, path


def test_of_models_without_a_positive_class_neither_is_shown(
    page: Client, model: TrainedModel
) -> None:
    for path in ("/classify/", "/models/", "/models/blood/"):
        assert "ensitivity" not in page.get(path).content.decode()


def test_the_original_report_is_explained_where_it_is_met_first(
    page: Client, model: TrainedModel
) -> None:
    assert "a student report that trained six networks" in page.get("/models/").content.decode()


def test_limits_stand_with_their_targets_and_numbers_of_images(page: Client) -> None:
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    breast.evaluation["uncertainty"] = uncertainty_of(breast.metadata["classes"])
    breast.save()
    text = page.get("/models/breast/").content.decode()
    limits = text.split('id="known-limits-title"')[1].split("</section>")[0]
    rows = dict(cells_of(row) for row in limits.split("<tr>")[1:])
    assert rows["True class in the set target 95\xa0%"] == ["96.0\xa0%91.0–99.0\xa0%", "100"]
    assert rows["Classes in a set, mean"] == ["1.250", "100"]
    assert rows["Accepted target 98\xa0%"] == ["97.0\xa0%92.0–100.0\xa0%", "100"]
    assert rows["Errors flagged"] == ["70.0\xa0%65.0–73.0\xa0%", "10"]
    assert rows["Calibration error"] == ["0.021before: 0.083", "100"]
    assert rows["malignant"] == ["90.0\xa0%85.0–93.0\xa0%", "10"]
    assert rows["BloodMNIST, test images"] == ["99.0\xa0%94.0–100.0\xa0%", "3,421"]
    assert rows["Screenshot, drawn"] == ["94.0\xa0%89.0–97.0\xa0%", "300"]
    refused = [
        "40.0\xa0%35.0–43.0\xa0%",
        "0.0\xa0%0.0–3.0\xa0%",
        "–",
        "100.0\xa0%95.0–100.0\xa0%",
        "100",
    ]
    assert rows["JPEG, quality 10"] == refused
    assert "flatter it" in limits


def cells_of(row: str) -> tuple[str, list[str]]:
    """The words of a table's row: its heading, and its other cells."""
    heading, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    heading, *cells = (re.sub("<[^>]+>", "", cell) for cell in (heading, *cells))
    return heading, cells


def test_a_model_without_measured_limits_shows_none(page: Client, model: TrainedModel) -> None:
    assert "of its limits" not in page.get("/models/blood/").content.decode()


def test_the_training_history_is_read_from_the_bundle(
    page: Client, model: TrainedModel, tmp_path: Path, settings: Settings
) -> None:
    settings.MODELS_DIR = tmp_path
    history = tmp_path / "blood" / "history.csv"
    history.parent.mkdir()
    history.write_text("epoch,loss,val_loss\n1,0.9,1.1\n2,0.5,nan\n3,0.4,0.7\n")
    model.metadata["training"]["selected_epoch"] = 3
    model.save()
    text = page.get("/models/blood/").content.decode()
    assert "Loss in training" in text
    assert "validation 1.100 at first and 0.700 at the end" in text
    assert "The weights are those of epoch 3" in text
    assert "Accuracy in training" not in text

    history.write_text("damaged since\n1")
    assert "Loss in training" not in page.get("/models/blood/").content.decode()


def test_model_without_evaluation(page: Client) -> None:
    TrainedModelFactory.create(slug="fresh", evaluation=None)
    for path in ("/models/", "/models/fresh/", "/classify/"):
        assert page.get(path).status_code == 200
    assert "Not evaluated yet" in page.get("/models/fresh/").content.decode()


def test_unknown_model(page: Client) -> None:
    assert page.get("/models/nothing/").status_code == 404
