"""Bringing many images without a script, the list of batches, and what is done with one."""

import io
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from classifier.models import Batch, Prediction, Project, TrainedModel
from classifier.web import batch_forms
from tests.factories import (
    BatchFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
    png,
)
from tests.web.conftest import assert_nothing_stored

NEW = "/batches/new/"
LIST = "/batches/"


def image(name: str = "cell.png", colour: str = "plum") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png(colour=colour), "image/png")


def archive(*names: str) -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name), png(colour="teal"))
    return SimpleUploadedFile("cells.zip", content.getvalue(), "application/zip")


def send(page: Client, *files: SimpleUploadedFile, **fields: Any) -> Any:
    return page.post(NEW, {"files": list(files), "model": ["blood"], **fields})


def test_files_and_archives_come_in_one_plain_form(page: Client, model: TrainedModel) -> None:
    answer = send(page, image("a.png"), archive("b.png", "c.png"), name="Monday", crop="none")
    batch = Batch.objects.get()
    assert answer["Location"] == f"/batches/{batch.pk}/"
    assert (batch.name, batch.crop, batch.is_open) == ("Monday", "none", False)
    names = batch.predictions.values_list("image__original_filename", flat=True)
    assert sorted(names) == ["a.png", "b.png", "c.png"]


def test_several_models_at_once(page: Client, model: TrainedModel) -> None:
    TrainedModelFactory.create(slug="other")
    send(page, image(), model=["blood", "other"])
    assert Prediction.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({}, None),
        ({"possible": "own", "labels": ["platelet", "neutrophil"]}, ["neutrophil", "platelet"]),
        # What was ticked before another choice was made.
        ({"labels": ["platelet", "neutrophil"]}, None),
    ],
)
def test_which_classes_can_be_in_the_pictures(
    page: Client, model: TrainedModel, fields: dict[str, Any], labels: list[str] | None
) -> None:
    send(page, image(), **fields)
    assert Batch.objects.get().labels == labels


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"possible": "own"}, "No class was chosen. Choose at least two."),
        ({"possible": "own", "labels": ["platelet"]}, "Allow at least two classes"),
        ({"possible": "unicorns"}, "There is no such choice of classes"),
        ({"possible": "own", "labels": ["unicorn"]}, "There is no such choice of classes"),
    ],
)
def test_a_choice_of_classes_that_makes_no_sense_is_kept_and_refused(
    page: Client, model: TrainedModel, fields: dict[str, Any], words: str
) -> None:
    answer = send(page, image(), **fields)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Batch.objects.exists()


def test_what_was_not_taken_is_named(page: Client, model: TrainedModel) -> None:
    bad = SimpleUploadedFile("notes.txt", b"no image", "text/plain")
    answer = page.post(NEW, {"files": [image(), bad], "model": ["blood"]}, follow=True)
    assert "notes.txt was not taken." in answer.content.decode()
    assert Prediction.objects.count() == 1


def test_where_nothing_can_be_taken_nothing_is_stored(page: Client, model: TrainedModel) -> None:
    bad = SimpleUploadedFile("<b>.txt", b"no image", "text/plain")
    answer = send(page, bad)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "None of the files can be classified" in text
    assert "&lt;b&gt;.txt" in text
    assert not Batch.objects.exists()
    assert_nothing_stored()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, batch_forms.NO_FILES),
        ({"files": [], "model": ["nothing"]}, batch_forms.MODEL_GONE),
        ({"model": []}, batch_forms.NO_MODELS),
        ({"model": ["blood", "breast"]}, batch_forms.MIXED_KINDS),
        ({"project": "0b8fa3a2-6a4d-4ab4-a7f8-8f5a2f9b4c11"}, batch_forms.PROJECT_GONE),
    ],
)
def test_what_is_missing_is_said(
    page: Client, model: TrainedModel, fields: dict[str, Any], words: str
) -> None:
    TrainedModelFactory.create(slug="breast", dataset="breastmnist")
    answer = page.post(NEW, {"model": ["blood"], **fields})
    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_more_images_than_a_batch_takes(
    page: Client, model: TrainedModel, settings: Settings
) -> None:
    settings.MAX_BATCH_IMAGES = 2
    answer = send(page, image("a.png"), archive("b.png", "c.png"))
    assert answer.status_code == 400
    assert "A batch takes 2 images, and these are 3" in answer.content.decode()
    assert_nothing_stored()


def test_a_quota_is_told_in_words(page: Client, model: TrainedModel, settings: Settings) -> None:
    settings.MAX_WAITING_PREDICTIONS = 1
    assert send(page, image()).status_code == 302
    answer = send(page, image("b.png"))
    assert answer.status_code == 429
    assert "1 of your predictions wait" in answer.content.decode()


def test_only_into_projects_that_one_reads_in(
    page: Client, model: TrainedModel, user: User, other_user: User
) -> None:
    theirs = ProjectFactory.create(owner=other_user, name="Foreign")
    looked_on = ProjectFactory.create(owner=other_user, name="Looked on")
    looked_on.memberships.create(user=user, role="viewer")
    mine = ProjectFactory.create(owner=user, name="Mine")
    text = page.get(NEW).content.decode()
    assert "Mine" in text
    assert "Looked on" not in text
    for project in (theirs, looked_on):
        answer = send(page, image(), project=str(project.pk))
        assert batch_forms.PROJECT_GONE in answer.content.decode()
    send(page, image(), project=str(mine.pk))
    assert Batch.objects.get().project == mine


def test_the_empty_list_says_what_to_do(page: Client) -> None:
    text = page.get(LIST).content.decode()
    assert "There are no batches yet" in text
    assert f'href="{NEW}"' in text


def listed(page: Client, **query: str) -> str:
    return page.get(LIST, query).content.decode()


def test_the_list_counts_results_and_reviews(page: Client, user: User) -> None:
    batch = BatchFactory.create(
        owner=user, name="Monday", rejected=[{"filename": "x", "reason": "y"}]
    )
    cell = {"image__owner": user, "batch": batch}
    PredictionFactory.create(**cell)
    PredictionFactory.create(failed=True, **cell)
    PredictionFactory.create(succeeded=True, **cell)
    PredictionFactory.create(
        succeeded=True, reviewed_label="monocyte", reviewed_at=timezone.now(), **cell
    )
    text = listed(page)
    for words in (
        "Monday",
        "2 of 4",
        "1 failed",
        "1 not taken",
        "1 queued",
        "1 corrected",
        "1 to look at",
    ):
        assert words in text


def test_the_list_holds_own_batches_and_those_of_projects(
    page: Client, user: User, other_user: User
) -> None:
    project = ProjectFactory.create(owner=other_user)
    project.memberships.create(user=user, role="viewer")
    BatchFactory.create(owner=other_user, name="Shared", project=project)
    BatchFactory.create(owner=other_user, name="Foreign")
    BatchFactory.create(owner=user, name="Thrown away", deleted_at=timezone.now())
    text = listed(page)
    assert "Shared" in text
    assert f"from {other_user}" in text
    assert "Foreign" not in text
    assert "Thrown away" not in text


def test_the_list_goes_from_page_to_page(
    page: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(26):
        BatchFactory.create(owner=user, name=f"batch-{number:02d}")
    first = listed(page)
    assert "batch-25" in first
    assert "batch-00" not in first
    after = first.split('href="?after=')[1].split('"')[0].replace("&amp;", "&")
    # Session, person, own batches and those of projects, their models, progress, reviews.
    with django_assert_num_queries(7):
        second = page.get(f"{LIST}?after={after}").content.decode()
    assert "batch-00" in second
    assert "batch-25" not in second


def test_a_batch_is_renamed_and_moved(page: Client, user: User) -> None:
    project = ProjectFactory.create(owner=user)
    batch = BatchFactory.create(owner=user, name="Monday")
    prediction = PredictionFactory.create(image__owner=user, batch=batch)
    assert 'value="Monday"' in page.get(f"{LIST}{batch.pk}/edit/").content.decode()
    page.post(f"{LIST}{batch.pk}/edit/", {"name": "Tuesday", "project": str(project.pk)})
    batch.refresh_from_db()
    prediction.refresh_from_db()
    assert (batch.name, batch.project, prediction.project) == ("Tuesday", project, project)


def test_a_batch_goes_to_the_trash_and_comes_back_whole(page: Client, user: User) -> None:
    batch = BatchFactory.create(owner=user, name="Monday")
    PredictionFactory.create_batch(2, image__owner=user, batch=batch)
    assert "2 results go with it" in page.get(f"{LIST}{batch.pk}/delete/").content.decode()
    page.post(f"{LIST}{batch.pk}/delete/")
    assert page.get(f"{LIST}{batch.pk}/edit/").status_code == 404
    assert f'value="{batch.pk}"' in page.get("/predictions/trash/").content.decode()
    answer = page.post("/predictions/trash/", {"batch": str(batch.pk)}, follow=True)
    assert "2 results are back" in answer.content.decode()
    assert "Monday" in listed(page)


@pytest.fixture
def shared(user: User, other_user: User) -> Batch:
    """A batch of somebody else, at which the person looks on."""
    project = ProjectFactory.create(owner=other_user)
    project.memberships.create(user=user, role="viewer")
    return BatchFactory.create(owner=other_user, project=project, name="Shared", closed_at=None)


@pytest.mark.parametrize("action", ["edit", "delete", "close", "upload"])
def test_who_looks_on_changes_nothing(
    page: Client, shared: Batch, model: TrainedModel, action: str
) -> None:
    answer = page.post(
        f"{LIST}{shared.pk}/{action}/", {"name": "Mine", "files": [image()]}, follow=True
    )
    assert "Only" in answer.content.decode()
    shared.refresh_from_db()
    assert (shared.name, shared.is_open, shared.deleted_at) == ("Shared", True, None)
    assert not shared.files.exists()


@pytest.mark.parametrize("action", ["", "edit/", "delete/", "upload/", "report/", "compare/"])
def test_another_person_finds_no_batch(page: Client, other_user: User, action: str) -> None:
    batch = BatchFactory.create(owner=other_user)
    assert page.get(f"{LIST}{batch.pk}/{action}").status_code == 404


@pytest.fixture
def opened(user: User, model: TrainedModel) -> Batch:
    batch = BatchFactory.create(owner=user, name="Monday", closed_at=None)
    batch.trained_models.set([model])
    return batch


def test_an_open_batch_goes_on_without_a_script(page: Client, opened: Batch) -> None:
    url = f"{LIST}{opened.pk}/upload/"
    for _ in range(2):
        # Sent twice, as after an answer that was lost.
        bad = SimpleUploadedFile("notes.txt", b"no image", "text/plain")
        answer = page.post(url, {"files": [image(), archive("b.png"), bad]}, follow=True)
    text = answer.content.decode()
    assert "2 of 3 images are there now" in text
    assert "notes.txt was not taken" in text
    assert "3 files of this batch are here" in text
    assert opened.predictions.count() == 2
    page.post(f"{LIST}{opened.pk}/close/")
    opened.refresh_from_db()
    assert not opened.is_open


def test_a_closed_batch_takes_nothing_more(page: Client, opened: Batch) -> None:
    page.post(f"{LIST}{opened.pk}/close/")
    url = f"{LIST}{opened.pk}/upload/"
    assert page.get(url)["Location"] == f"{LIST}{opened.pk}/"
    answer = page.post(url, {"files": [image()]}, follow=True)
    assert "This batch is closed" in answer.content.decode()


def test_an_open_batch_is_offered_to_go_on(page: Client, opened: Batch) -> None:
    text = listed(page)
    assert "Upload not finished" in text
    assert f"{LIST}{opened.pk}/upload/" in text


def test_report_says_what_a_batch_came_to(
    page: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    blood = TrainedModelFactory.create(title="Blood model")
    batch = BatchFactory.create(
        owner=user, name="Monday", rejected=[{"filename": "notes.txt", "reason": "No image."}]
    )
    cell = {"image__owner": user, "batch": batch, "trained_model": blood}
    PredictionFactory.create(out_of_distribution=True, **cell)
    said = PredictionFactory.create(
        succeeded=True, reviewed_label="monocyte", reviewed_at=timezone.now(), **cell
    )
    said.reviews.create(reader=user, label="monocyte")
    # Session, person, batch, its models, results, models, progress, readers, signatures, audit.
    with django_assert_num_queries(10):
        text = page.get(f"{LIST}{batch.pk}/report/").content.decode()
    for words in (
        "Report of Monday", "Blood model", "90.0\xa0% of 100", "Unlike the training data",
        "Monocyte, 1", f"{user} (1 image,", "<s>neutrophil</s>", "notes.txt", "Not signed",
        "Research use only, not for diagnosis.", f"export.csv?batch={batch.pk}",
    ):  # fmt: skip
        assert words in text, words


def test_report_of_a_thousand_images_stays_light(page: Client, user: User) -> None:
    batch = BatchFactory.create(owner=user)
    first = PredictionFactory.create(image__owner=user, batch=batch, succeeded=True)
    image = first.image
    Prediction.objects.bulk_create(
        Prediction(
            owner=user, image=image, trained_model=first.trained_model, batch=batch,
            status="SUCCESS", predicted_label="neutrophil", confidence=0.9, probabilities=[],
            model_version=1, finished_at=timezone.now(),
        )
        for _ in range(999)
    )  # fmt: skip
    url, accepts = f"{LIST}{batch.pk}/report/", {"Accept-Encoding": "gzip"}
    assert len(page.get(url, headers=accepts).content) < 50_000


def test_project_owner_renames_what_members_brought(
    page: Client, user: User, other_user: User
) -> None:
    project: Project = ProjectFactory.create(owner=user)
    batch = BatchFactory.create(owner=other_user, project=project, name="Theirs")
    page.post(f"{LIST}{batch.pk}/edit/", {"name": "Ours"})
    batch.refresh_from_db()
    assert (batch.name, batch.project) == ("Ours", project)
