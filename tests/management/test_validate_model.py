"""`validate_model` measures a shipped model on a folder, and says what is wrong with one."""

import json
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from classifier.synthetic import samples

SLUG = "blood-compact-28"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("laboratory")
    drawn = [each.slug for each in samples.samples() if each.dataset == "bloodmnist"]
    for number, slug in enumerate(drawn):
        path = made / ("NEU" if number % 2 else "Monocytes") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(samples.draw(slug))
    (made / "NEU" / "broken.png").write_bytes(b"no image")
    return made


def test_a_folder_of_class_folders_is_measured(folder: Path, tmp_path: Path) -> None:
    output, remarks = StringIO(), StringIO()
    kept = tmp_path / "report.json"
    call_command("validate_model", SLUG, str(folder), json=kept, stdout=output, stderr=remarks)
    assert "balanced accuracy" in output.getvalue()
    assert "Research use only" in output.getvalue()
    assert "“NEU” counts as neutrophil." in remarks.getvalue()
    report = json.loads(kept.read_text())
    assert report["labelled_set"]["unreadable"] == 1
    assert report["figures"]["n"] == report["labelled_set"]["n"] > 1
    assert report["home"]["n"] == 3421


def test_the_cell_is_found_as_in_an_upload(tmp_path: Path) -> None:
    """At the edge of a wide image, where the middle shows nothing."""
    with Image.open(BytesIO(samples.draw("synthetic-neutrophil"))) as drawn:
        wide = Image.new("RGB", (3 * drawn.width, drawn.height), (254, 230, 204))
        wide.paste(drawn)
    path = tmp_path / "neutrophil" / "wide.png"
    path.parent.mkdir()
    wide.save(path)
    right = {}
    for crop in ("auto", "center"):
        kept, quiet = tmp_path / "report.json", StringIO()
        options = {"crop": crop, "json": kept, "stdout": quiet, "stderr": quiet}
        call_command("validate_model", SLUG, str(tmp_path), **options)
        right[crop] = json.loads(kept.read_text())["figures"]["accuracy"]["value"]
    assert right == {"auto": 1, "center": 0}


def test_a_table_names_class_and_patient(folder: Path, tmp_path: Path) -> None:
    table, kept = tmp_path / "labels.csv", tmp_path / "report.json"
    table.write_text("file,cell type,patient\nNEU/1.png,neutrophil,A\nMonocytes/0.png,blast,A\n")
    quiet = StringIO()
    call_command(
        "validate_model", SLUG, str(folder), table=table, json=kept, stdout=quiet, stderr=quiet
    )
    report = json.loads(kept.read_text())
    assert (report["labelled_set"]["groups"], report["labelled_set"]["clusters"]) == (1, 1)
    assert [each["label"] for each in report["figures"]["own_classes"]] == ["blast"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "“path”"),
        ("path,class\ngone.png,monocyte\n", "gone.png"),
        ("path,class\nNEU/1.png,horse\n", "None of the images is of a class"),
        ("path,class\nNEU/broken.png,monocyte\n", "could be read"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, tmp_path: Path, table: str, words: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(table)
    with pytest.raises(CommandError, match=words):
        call_command("validate_model", SLUG, str(folder), table=file, stderr=StringIO())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="one for each class"):
        call_command("validate_model", SLUG, str(tmp_path))
