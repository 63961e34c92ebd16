"""A model on its way from one installation to another."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from classifier.bundles.packing import MANIFEST_FILE
from classifier.models import TrainedModel

pytestmark = pytest.mark.django_db

SLUG = "breast-compact"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packages") / "model.zip"
    call_command("export_model", SLUG, path)
    return path


@pytest.fixture(autouse=True)
def elsewhere(settings: Settings, tmp_path: Path) -> None:
    """An installation without the model."""
    settings.MODELS_DIR = tmp_path / "shipped"


def test_a_model_arrives_as_it_left(
    package: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("import_model", package)
    arrived, original = settings.ADAPTED_MODELS_DIR / SLUG, settings.BASE_DIR / "models" / SLUG
    assert {path.name: path.read_bytes() for path in arrived.iterdir()} == {
        path.name: path.read_bytes() for path in original.iterdir()
    }
    assert TrainedModel.objects.active().get().slug == SLUG
    with pytest.raises(CommandError, match="already"):
        call_command("import_model", package)
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_model", SLUG, package)


def changed(package: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> Path:
    """A package of which each file was changed by a function of its name and content."""
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(target, "w") as written:
        for name in source.namelist():
            written.writestr(*change(name, source.read(name)))
    return target


def other_weights(name: str, content: bytes) -> tuple[str, bytes]:
    return name, content[:-1] + b"?" if name == "model.keras" else content


def fewer_files(name: str, content: bytes) -> tuple[str, bytes]:
    return ("lost" if name == "model.keras" else name), content


def longer_file(name: str, content: bytes) -> tuple[str, bytes]:
    return name, content + b"?" if name == "README.md" else content


def way_out(name: str, content: bytes) -> tuple[str, bytes]:
    if name != MANIFEST_FILE:
        return name, content
    manifest = json.loads(content)
    manifest["files"][0]["name"] = "../model.keras"
    return name, json.dumps(manifest).encode()


def code(name: str, content: bytes) -> tuple[str, bytes]:
    return name, content.replace(b'"README.md"', b'"code.py"') if name == MANIFEST_FILE else content


def no_manifest(name: str, content: bytes) -> tuple[str, bytes]:
    return name, b"{}" if name == MANIFEST_FILE else content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_weights, "not the file that was packed"),
        (fewer_files, "damaged, or no packed model"),
        (longer_file, "does not have the size"),
        (way_out, "cannot name a file"),
        (code, "is no file of a model"),
        (no_manifest, "not that of a packed model"),
    ],
)
def test_what_is_not_what_was_packed_is_refused_and_nothing_is_left(
    package: Path,
    tmp_path: Path,
    settings: Settings,
    change: Callable[[str, bytes], tuple[str, bytes]],
    message: str,
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("import_model", changed(package, tmp_path / "changed.zip", change))
    assert list(settings.ADAPTED_MODELS_DIR.iterdir()) == []


def test_other_files_are_refused_in_plain_words(package: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a zip")
    for path, options, message in (
        (text, {}, "no packed model"),
        (tmp_path / "none.zip", {}, "Nothing was taken"),
        (package, {"sha256": "0" * 64}, "not the file of this checksum"),
    ):
        with pytest.raises(CommandError, match=message):
            call_command("import_model", path, **options)
