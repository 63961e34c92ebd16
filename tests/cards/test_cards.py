"""Model cards and their index: generated from the bundles, and committed as generated."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django import Settings

from classifier.bundles import registry
from classifier.bundles.registry import Bundle
from classifier.bundles.schema import Evaluation
from classifier.cards.confusion import Cell, ConfusionRow, confusion_rows
from classifier.cards.files import write_card
from classifier.cards.matrix_picture import render_matrix
from classifier.cards.render import render_card, render_index
from classifier.cards.training import changes
from classifier.datasets import datasets
from tests.factories import curves_of, evaluation_of, metadata_of, uncertainty_of

SHIPPED = registry.discover(Path(settings.MODELS_DIR)).bundles
REPORTED = {"accuracy": 0.83, "precision": 0.82, "recall": 0.83, "f1": 0.81}


def bundle_in(folder: Path, measured: Mapping[str, Any] | None = None, **metadata: Any) -> Bundle:
    """A bundle that pages and cards can show; no network could load its weights.

    `measured` are further values of its evaluation.
    """
    folder.mkdir(parents=True)
    sha256 = hashlib.sha256(b"weights").hexdigest()
    described = metadata_of(slug=folder.name, dataset="breastmnist", sha256=sha256, channels=1)
    evaluation = evaluation_of(described["classes"]) | curves_of(described["classes"])
    (folder / "model.keras").write_bytes(b"weights")
    (folder / "metadata.json").write_text(json.dumps(described | metadata))
    evaluation |= {"weights_sha256": sha256, **(measured or {})}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    return registry.load_bundle(folder)


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda bundle: bundle.slug)
def test_the_shipped_cards_are_up_to_date(bundle: Bundle, tmp_path: Path) -> None:
    write_card(Bundle(tmp_path, bundle.metadata, bundle.evaluation))
    for written in tmp_path.iterdir():
        shipped = bundle.path / written.name
        assert shipped.read_text() == written.read_text(), "run manage.py write_cards"


def test_the_shipped_index_is_up_to_date() -> None:
    shipped = Path(settings.MODELS_DIR) / "README.md"
    assert shipped.read_text() == render_index(SHIPPED), "run manage.py write_cards"


def test_the_command_writes_all_cards_and_names_what_it_leaves_out(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.MODELS_DIR = tmp_path
    bundle_in(tmp_path / "breast-a", title="First")
    bundle_in(tmp_path / "breast-b", title="Second")
    (bundle_in(tmp_path / "broken").path / "model.keras").write_bytes(b"damaged")
    call_command("write_cards")
    index = (tmp_path / "README.md").read_text()
    assert "[First](breast-a/README.md)" in index
    assert "[Second](breast-b/README.md)" in index
    assert (tmp_path / "breast-b" / "confusion.svg").exists()
    assert not (tmp_path / "broken" / "README.md").exists()
    assert "Left out: broken" in capsys.readouterr().err


def test_reported_metrics_stand_beside_measured_ones(tmp_path: Path) -> None:
    card = render_card(bundle_in(tmp_path / "breast", reported=REPORTED))
    assert "| metric | reported | measured |" in card
    assert "| accuracy | 0.83 | 0.9000 (0.8300–0.9400) |" in card
    assert "| F1, weighted | 0.81 | 0.9000 |" in card
    assert "| AUC | – | 0.9700 (0.9500–0.9900) |" in card


def test_a_model_that_is_not_of_the_report_has_no_reported_column(tmp_path: Path) -> None:
    card = render_card(bundle_in(tmp_path / "breast"))
    assert "| metric | measured |" in card
    assert "reported" not in card


def test_the_index_lists_the_report_first_and_dashes_for_the_others(tmp_path: Path) -> None:
    others = {"title": "A model of ours"}
    better = {"title": "The better", "reported": REPORTED | {"accuracy": 0.9}}
    worse = {"title": "The worse", "reported": REPORTED}
    named = {"a": others, "b": worse, "c": better}
    index = render_index([bundle_in(tmp_path / slug, **each) for slug, each in named.items()])
    order = [index.index(each["title"]) for each in (better, worse, others)]
    assert order == sorted(order)
    assert "**0.9000** (0.8300–0.9400)<br>reported 0.83" in index
    assert "reported –" in index
    assert "Blood" not in index


@pytest.mark.parametrize("slug", datasets())
def test_no_metric_stands_without_the_name_of_its_data(slug: str) -> None:
    bundles = [bundle for bundle in SHIPPED if bundle.dataset.slug == slug]
    cards = [render_card(bundle) for bundle in bundles]
    assert cards
    assert all(f"({datasets()[slug].source_name}), n = " in card for card in cards)
    assert datasets()[slug].source_note in render_index(bundles)


def test_medmnists_own_file_is_named_as_such() -> None:
    blood = datasets()["bloodmnist"]
    assert "own file and split" in blood.data_name(is_medmnist_file=True)
    assert blood.data_name(is_medmnist_file=False) == "BloodMNIST rebuilt from PBC, own split"


def test_the_operating_point_is_told_with_both_splits(tmp_path: Path) -> None:
    card = render_card(bundle_in(tmp_path / "breast"))
    assert "threshold 0.3100 on the probability of malignant" in card
    assert "held out from training (n = 78)" in card
    assert "sensitivity 0.8810 (0.8000–0.9500) of 42 malignant images" in card


def test_the_calibration_error_is_told_with_that_of_chance(tmp_path: Path) -> None:
    assert "perfectly calibrated" not in render_card(bundle_in(tmp_path / "breast"))
    intervals = {"accuracy": [0.83, 0.94], "auc": [0.95, 0.99]}
    intervals |= {"ece_by_chance": [0.03, 0.0881], "brier": [0.1, 0.2]}
    card = render_card(bundle_in(tmp_path / "known", {"intervals": intervals}))
    assert "would show an expected calibration error of 0.0300–0.0881 on 100 images" in card
    assert "| Brier score | 0.1000 (0.1000–0.2000) |" in card


def test_sensitivity_and_specificity_stand_where_accuracy_stands(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path / "breast")
    card = render_card(bundle)
    assert "| sensitivity for malignant | 0.9000 |" in card
    assert "| specificity for malignant | 0.9500 |" in card
    assert "the predicted class, which follows the larger probability" in card
    index = render_index([bundle])
    assert "| sensitivity | specificity |" in index
    assert "<br>reported – | 0.9000 | 0.9500 | **" in index


def test_near_duplicates_in_the_training_part_are_told(tmp_path: Path) -> None:
    assert "near-duplicate in training" not in render_card(bundle_in(tmp_path / "breast"))
    measured = {"without_twins": {"share": 0.85, "n": 60, "interval": [0.75, 0.91]}}
    card = render_card(bundle_in(tmp_path / "twins", measured))
    assert "Of the test images 40 have a near-duplicate in training or validation" in card
    assert "on the 60 without one the accuracy is 0.8500 (0.7500–0.9100)." in card


def test_cross_validation_is_told_with_its_spread(tmp_path: Path) -> None:
    card = render_card(bundle_in(tmp_path / "breast"))
    assert "5-fold cross-validation of the recipe over all 780 images" in card
    assert "accuracy 0.8530 ± 0.0210, balanced accuracy 0.8100 ± 0.0300, AUC 0.9110 ± 0.0" in card


def test_a_confusion_matrix_is_shaded_by_row() -> None:
    evaluation = evaluation_of(["a", "b"]) | {"confusion_matrix": [[999, 1], [0, 0]]}
    rows = confusion_rows(Evaluation.model_validate(evaluation))
    first, second = (row.cells for row in rows)
    assert [(cell.count, cell.shade) for cell in first] == [(999, 10), (1, 1)]
    assert [cell.shade for cell in second] == [0, 0]
    assert [cell.is_diagonal for cell in first] == [True, False]


def test_limits_are_told_with_their_targets_and_numbers_of_images(tmp_path: Path) -> None:
    measured = {"uncertainty": uncertainty_of(datasets()["breastmnist"].labels)}
    card = render_card(bundle_in(tmp_path / "breast", measured))
    limits = card.split("## What it knows of its limits")[1].split("\n## ")[0]
    for line in (
        "| true class in the prediction set | 0.95 | 0.9600 (0.9100–0.9900) |",
        "| mean number of classes in a set | – | 1.2500 |",
        "| accepted | 0.98 | 0.9700 (0.9200–1.0000) |",
        "| errors flagged, of 10 | – | 0.7000 (0.6500–0.7300) |",
        "| expected calibration error before temperature 0.5300 | – | 0.0830 |",
        "| expected calibration error after temperature 0.5300 | – | 0.0210 |",
        "| BloodMNIST, test images | 3,421 | 0.9900 (0.9400–1.0000) |",
        "| screenshot, drawn | 300 | 0.9400 (0.8900–0.9700) |",
        "| JPEG, quality 10 | 100 | 0.4000 (0.3500–0.4300) | 0.0000 (0.0000–0.0300) | – |"
        " 1.0000 (0.9500–1.0000) |",
    ):
        assert line in limits
    assert "least often in its set is malignant: 0.9000 (0.8500–0.9300) of 10" in limits
    assert "flatter" in limits


def test_without_measured_limits_the_card_tells_of_none(tmp_path: Path) -> None:
    assert "limits" not in render_card(bundle_in(tmp_path / "breast"))


def test_what_differs_from_the_report_is_told(tmp_path: Path) -> None:
    training = {"differs_from_report": ["The zoom is 0.1 instead of 2."]}
    card = render_card(bundle_in(tmp_path / "breast", training=training))
    assert "## What differs from the reported recipe\n\n- The zoom is 0.1 instead of 2." in card


def test_fine_tuning_views_and_members_are_told(tmp_path: Path) -> None:
    training = {
        "network": {},
        "epochs": 9,
        "minutes": 3,
        "selected_epoch": 9,
        "selection": "last",
        "fine_tuning_epochs": 2,
        "fine_tuning_learning_rate": 4e-4,
        "fine_tuning": {"flip_vertical": True, "shift": 0.06, "zoom": 0.0, "fill_mode": "reflect"},
        "views": 8,
        "members": 4,
    }
    card = render_card(bundle_in(tmp_path / "breast", training=training))
    assert "learning rate of 0.0004, with other changes: flip vertical, shift 0.06." in card
    assert "sees an image and all its quarter turns and mirror images" in card
    assert "averages 4 networks that were trained so." in card
    plainly = {
        "share": 0.25,
        "network": {"widths": [4], "blocks": [1]},
        "epochs": 36,
        "fine_tuning_epochs": 0,
        "augmentation": {"shift": 0.06, "zoom": 0.0},
    }
    card = render_card(
        bundle_in(tmp_path / "two", training=training | {"heterogeneous_members": [plainly]})
    )
    assert (
        "with those of a further network (weight in the mean: 25 %), trained likewise but for "
        "network widths [4], blocks [1]; epochs 36; fine tuning epochs 0; augmentation shift 0.06."
    ) in card
    scaled = training | {"views": 2, "view_scales": [0.9, 1.0, 1.1]}
    card = render_card(bundle_in(tmp_path / "scaled", training=scaled))
    assert "an image and its mirror image, showing 90 %, 100 %, 110 % of the side, and" in card


def test_of_a_model_from_elsewhere_all_that_is_known_is_told(tmp_path: Path) -> None:
    card = render_card(bundle_in(tmp_path / "breast", training={"added_from": "own.h5"}))
    assert "- added from: own.h5" in card
    assert "What it was trained on is not known here." in card


def test_a_card_before_evaluation_says_so(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path / "breast")
    fresh = Bundle(bundle.path, bundle.metadata, None)
    write_card(fresh)
    assert "Not yet evaluated on the test split." in (bundle.path / "README.md").read_text()
    assert not (bundle.path / "confusion.svg").exists()


def test_the_picture_has_every_count_as_text() -> None:
    labels = ["a <b>", "immature granulocytes"]
    counts = [[1234, 5], [0, 0]]
    rows = [
        ConfusionRow(label, [Cell(count, 0.5, is_diagonal=False) for count in row])
        for label, row in zip(labels, counts, strict=True)
    ]
    text = render_matrix(rows, 'Of "x" & y')
    picture = ElementTree.fromstring(text)  # noqa: S314  # our own text
    texts = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1,234", "5", "0", *labels[:1]} <= set(filter(None, texts))
    assert picture.get("role") == "img"
    assert picture.findtext("{http://www.w3.org/2000/svg}title") == 'Of "x" & y'


def test_nested_changes_of_images_are_named_with_their_strength() -> None:
    settings = {"stain": 0.3, "frames": {"share": 0.75, "scale": 2.0}, "light": 0.0}
    assert changes(settings) == "stain 0.3, frames (share 0.75, scale 2.0)"
