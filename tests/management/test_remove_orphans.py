"""`manage.py remove_orphans`: what goes, and above all what stays."""

import io
import os
import time
import uuid
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from tests.factories import ImageUploadFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(settings: Settings) -> Path:
    """Files of an image that is stored, of one that is not, one just written, and a foreign one."""
    media = Path(settings.MEDIA_ROOT)
    ImageUploadFactory.create()
    for folder in ("images", "thumbnails"):
        (media / folder / f"{uuid.uuid4()}.png").write_bytes(b"orphan")
        (media / folder / "notes.png").write_bytes(b"not ours")
    for path in files(media):
        os.utime(path, (0, time.time() - 3601))
    (media / "images" / f"{uuid.uuid4()}.png").write_bytes(b"its row is not committed yet")
    return media


def files(media: Path) -> set[Path]:
    return {path for path in media.rglob("*") if path.is_file()}


def remove_orphans(*arguments: str) -> str:
    output = io.StringIO()
    call_command("remove_orphans", *arguments, stdout=output)
    return output.getvalue()


def test_files_without_a_row_go_and_all_others_stay(media: Path) -> None:
    others = {path for path in files(media) if path.read_bytes() != b"orphan"}
    assert len(files(media)) == len(others) + 2
    assert "2 files were deleted." in remove_orphans()
    assert files(media) == others


def test_a_dry_run_names_them_and_deletes_nothing(media: Path) -> None:
    before = files(media)
    said = remove_orphans("--dry-run")
    assert {media / line for line in said.splitlines()[:-1]} == {
        path for path in before if path.read_bytes() == b"orphan"
    }
    assert files(media) == before


def test_many_files_are_looked_up_some_at_a_time(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classifier.models.images.NAMES_AT_ONCE", 1)
    assert "2 files were deleted." in remove_orphans()


def test_an_installation_without_images_has_no_orphans(settings: Settings) -> None:
    assert not Path(settings.MEDIA_ROOT).exists()
    assert "0 files were deleted." in remove_orphans()
