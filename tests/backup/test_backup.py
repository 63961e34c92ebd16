"""A backup that is put back gives what was there, and one that is damaged gives nothing."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as installation
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from pytest_django import Settings

from classifier import audit, catalogue, services
from classifier.backup import tables
from classifier.bundles.registry import load_bundle
from classifier.datasets import datasets
from classifier.datasets.own import own_dataset, write_own_dataset
from classifier.models import ImageUpload, Prediction, Project, TrainedModel
from tests.factories import BatchFactory, PredictionFactory, ProjectFactory, UserFactory

OURS = "blood-ours"

# A backup is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def content() -> dict[str, list[bytes]]:
    return {table._meta.label_lower: list(tables.lines(table)) for table in tables.tables()}


def files() -> dict[str, str]:
    """Digests of images, bundles that were made here and descriptions of own classes."""
    here = installation
    roots = (here.MEDIA_ROOT, here.ADAPTED_MODELS_DIR, here.OWN_DATASETS_DIR)
    return {
        f"{Path(root).name}/{path.relative_to(root)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for root in roots
        for path in Path(root).rglob("*")
        if path.is_file()
    }


def settle(folder: Path, settings: Settings) -> None:
    """Let the installation be one whose files lie there."""
    settings.MEDIA_ROOT = folder / "media"
    settings.ADAPTED_MODELS_DIR = folder / "models"
    settings.OWN_DATASETS_DIR = folder / "datasets"


@pytest.fixture
def archive(tmp_path: Path, settings: Settings) -> Path:
    """A backup of an installation with a bit of everything."""
    settle(tmp_path / "old", settings)
    kind = datasets()["bloodmnist"]
    write_own_dataset(own_dataset("own-0123456789ab", "Ours", ["left", "right"], kind))
    bundle = shutil.copytree(
        installation.MODELS_DIR / "blood-compact", settings.ADAPTED_MODELS_DIR / OURS
    )
    described = json.loads((bundle / "metadata.json").read_text()) | {"slug": bundle.name}
    (bundle / "metadata.json").write_text(json.dumps(described))
    shutil.copytree(bundle, bundle.with_name(f".adapting-{'0' * 32}"))
    owner, reader = UserFactory.create_batch(2)
    project = ProjectFactory.create(owner=owner)
    project.memberships.create(user=reader, role="reader")
    batch = BatchFactory.create(owner=owner, project=project)
    made = {"batch": batch, "image__owner": owner}
    rows = PredictionFactory.create_batch(3, succeeded=True, **made)
    batch.trained_models.add(rows[0].trained_model)
    PredictionFactory.create(failed=True, **made)
    chosen = Prediction.objects.filter(pk=rows[0].pk)
    services.review(reader=owner, predictions=chosen, label="monocyte", note="Ünclear µ")
    catalogue.register(load_bundle(bundle), owner=owner, is_offered=False)
    audit.seal()
    path = tmp_path / "backup.zip"
    call_command("backup", path, stdout=io.StringIO())
    return path


@pytest.fixture
def empty(archive: Path, settings: Settings, tmp_path: Path) -> None:
    """An installation in which there is nothing yet."""
    tables.empty_all()
    settle(tmp_path / "new", settings)


def restore(path: Path) -> str:
    output = io.StringIO()
    call_command("restore", path, stdout=output, stderr=output)
    return output.getvalue()


def changed(archive: Path, name: str, data: bytes) -> Path:
    """A copy of a backup in which one file is another."""
    copy = archive.with_name("changed.zip")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(copy, "w") as target:
        for each in source.namelist():
            target.writestr(each, data if each == name else source.read(each))
    return copy


def test_what_was_there_is_there_again(archive: Path, tmp_path: Path, settings: Settings) -> None:
    rows = content()
    saved = {name: digest for name, digest in files().items() if ".adapting-" not in name}
    assert Counter(name.split("/")[0] for name in saved) == {"media": 8, "models": 7, "datasets": 1}
    tables.empty_all()
    settle(tmp_path / "new", settings)
    said = restore(archive)
    assert "all counts and checksums are right" in said
    assert "Audit trail" not in said
    assert content() == rows
    assert files() == saved
    assert audit.verify().problems == ()
    assert Prediction.objects.get(reviewed_label="monocyte").note == "Ünclear µ"
    assert catalogue.load_bundles().errors == ()
    ours = TrainedModel.objects.get(slug=OURS)
    assert ours.is_installed
    assert ours.owner == Project.objects.get().owner
    assert "own-0123456789ab" in datasets()
    # What is made from now on finds a number of its own.
    project = Project.objects.get()
    assert project.memberships.create(user=UserFactory.create(), role="viewer").pk


def test_nobody_else_can_read_the_archive(archive: Path) -> None:
    assert archive.stat().st_mode & 0o077 == 0
    assert not list(archive.parent.glob(".*"))


def test_the_checksums_are_such_as_sha256sum_reads(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
        manifest = json.loads(opened.read("manifest.json"))
    assert manifest["notice"] == "Research use only, not for diagnosis."
    assert manifest["tables"]["classifier.prediction"]["rows"] == 4
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "files.sha256"],
        cwd=tmp_path / "unpacked",
        capture_output=True,
    )
    assert checked.returncode == 0


def test_secrets_and_sessions_stay_at_home(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        assert not any("session" in name for name in opened.namelist())
        everything = b"".join(opened.read(name) for name in opened.namelist())
    assert installation.SECRET_KEY.encode() not in everything


def test_a_model_whose_bundle_is_not_here_is_named(archive: Path, empty: None) -> None:
    said = restore(archive)
    absent = TrainedModel.objects.exclude(slug=OURS).values_list("slug", flat=True)
    assert f"{', '.join(absent)}: not among the bundles here" in said


@pytest.mark.parametrize("kind", ["image", "weights", "classes", "rows", "checksums", "nothing"])
def test_a_damaged_backup_changes_nothing(
    archive: Path, empty: None, settings: Settings, kind: str
) -> None:
    with zipfile.ZipFile(archive) as opened:
        image = next(name for name in opened.namelist() if name.startswith("media/"))
        rows = opened.read("database/auth.user.jsonl")
    damage: dict[str, tuple[str, bytes]] = {
        "image": (image, b"another picture"),
        "weights": (f"models/{OURS}/model.keras", b"other weights"),
        "classes": ("datasets/own-0123456789ab.json", b"{}"),
        "rows": ("database/auth.user.jsonl", rows.splitlines(keepends=True)[0]),
        "checksums": ("files.sha256", b""),
    }
    broken = archive.with_name("torn.zip")
    if kind == "nothing":
        broken.write_bytes(archive.read_bytes()[:-100])
    else:
        broken = changed(archive, *damage[kind])
    with pytest.raises(CommandError, match="Nothing was changed"):
        restore(broken)
    assert not User.objects.exists()
    assert files() == {}
    assert not list(Path(settings.ADAPTED_MODELS_DIR).glob("*"))


@pytest.mark.parametrize(
    "name",
    [
        "media/../../../outside.png",
        "models/../outside.png",
        "models/.hidden/outside.png",
        "datasets/../outside.png",
        "elsewhere/outside.png",
        "outside.png",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(
    archive: Path, empty: None, tmp_path: Path, name: str
) -> None:
    with zipfile.ZipFile(archive) as opened:
        manifest = json.loads(opened.read("manifest.json"))
    listing = f"{'0' * 64}  {name}\n".encode()
    manifest |= {"files": 1, "files_sha256": hashlib.sha256(listing).hexdigest()}
    lying = changed(archive, "manifest.json", json.dumps(manifest).encode())
    with pytest.raises(CommandError, match="is no file of a backup"):
        restore(changed(lying.rename(lying.with_name("lying.zip")), "files.sha256", listing))
    assert not list(tmp_path.rglob("outside.png"))


def test_an_installation_in_use_is_left_alone(archive: Path) -> None:
    rows = content()
    with pytest.raises(CommandError, match="has accounts or images already"):
        restore(archive)
    assert content() == rows


def test_a_backup_of_another_release_is_refused_with_what_differs(
    archive: Path, empty: None
) -> None:
    with zipfile.ZipFile(archive) as opened:
        manifest = json.loads(opened.read("manifest.json"))
    manifest["migrations"].append("classifier.9999_later")
    with pytest.raises(CommandError, match=r"classifier\.9999_later"):
        restore(changed(archive, "manifest.json", json.dumps(manifest).encode()))


def test_no_file_is_overwritten(archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", archive)
    assert archive.read_bytes() == before


def test_an_image_without_its_file_is_named(archive: Path, tmp_path: Path) -> None:
    gone = ImageUpload.objects.latest("uploaded_at")
    gone.remove_files()
    output = io.StringIO()
    call_command("backup", tmp_path / "second.zip", stdout=io.StringIO(), stderr=output)
    assert "1 images had no file" in output.getvalue()
    with zipfile.ZipFile(tmp_path / "second.zip") as opened:
        assert json.loads(opened.read("manifest.json"))["missing"] == [str(gone.pk)]


BUSY = """
import json, sys, threading
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from django.db import connection, transaction
from classifier import backup
from classifier.models import Prediction
from tests.factories import PredictionFactory, UserFactory

call_command("migrate", verbosity=0)
owner = UserFactory.create()
model = PredictionFactory.create(image__owner=owner, succeeded=True).trained_model
made = {"image__owner": owner, "trained_model": model, "succeeded": True}
PredictionFactory.create_batch(9, **made)
stop, started = threading.Event(), threading.Event()
writes = 0

def write():
    global writes
    while not stop.is_set():
        with transaction.atomic():  # as an upload is stored
            PredictionFactory.create(**made)
        Prediction.objects.order_by("?").first().delete_with_image()
        writes += 1
        started.set()
    connection.close()

writer = threading.Thread(target=write)
writer.start()
started.wait()
before = writes
backup.write(Path(sys.argv[1]))
during = writes - before
stop.set()
writer.join()
print(json.dumps({"during": during}))
"""


@pytest.fixture
def empty_database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The address of one of the same kind as the tests run on."""
    if connection.vendor == "postgresql":
        return str(request.getfixturevalue("postgres").create_database("busy"))
    database = tmp_path / "database.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(database)])
    return f"sqlite:///{database}"


def test_a_backup_is_of_one_moment_while_people_upload_and_delete(
    tmp_path: Path, empty_database: str
) -> None:
    path = tmp_path / "busy.zip"
    answer = subprocess.run(
        [sys.executable, "-c", BUSY, path],
        cwd=installation.BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "medclassifier.settings",
            "VAR_DIR": str(tmp_path / "var"),
            "DATABASE_URL": empty_database,
        },
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["during"] > 0
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        names = set(opened.namelist())
        manifest = json.loads(opened.read("manifest.json"))
        images, predictions = (
            [json.loads(line) for line in opened.read(f"database/{label}.jsonl").splitlines()]
            for label in ("classifier.imageupload", "classifier.prediction")
        )
    column: dict[str, Any] = {
        name: [field.attname for field in tables.columns(table)].index(attname)
        for name, table, attname in (
            ("key", ImageUpload, "id"),
            ("file", ImageUpload, "file"),
            ("image", Prediction, "image_id"),
        )
    }
    # Whoever uploads or deletes does one image and one prediction at a time.
    assert len(images) == len(predictions) in {10, 11}
    assert {row[column["image"]] for row in predictions} == {row[column["key"]] for row in images}
    kept = [row for row in images if row[column["key"]] not in manifest["deleted_meanwhile"]]
    assert {f"media/{row[column['file']]}" for row in kept} <= names
    assert manifest["missing"] == []
