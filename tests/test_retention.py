"""What goes after how many days, and what of it stays."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from classifier import audit, retention, tasks
from classifier.models import AuditEvent, ImageUpload, LabelledImage, Prediction
from tests.factories import (
    AdaptationFactory,
    BatchFactory,
    ImageUploadFactory,
    LabelledImageFactory,
    PredictionFactory,
    ProjectFactory,
    ValidationFactory,
    png,
)

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=31)


@pytest.fixture(autouse=True)
def thirty_days(settings: Settings) -> None:
    settings.KEEP_ORIGINALS_DAYS = settings.KEEP_RESULTS_DAYS = 30


def large_image(**fields: Any) -> ImageUpload:
    """One that has a thumbnail of its own, of 31 days ago."""
    file = ContentFile(png(600, 600), "image.png")
    image: ImageUpload = ImageUploadFactory.create(file=file, uploaded_at=LONG_AGO, **fields)
    image.measure_files()
    image.save()
    return image


def result_of(image: ImageUpload, **fields: Any) -> Prediction:
    made = {"image": image, "succeeded": True, **fields}
    return PredictionFactory.create(**made)


def test_an_original_goes_and_its_result_thumbnail_and_digest_stay(client: Client) -> None:
    image = large_image()
    result = result_of(image)
    freed = image.stored_bytes - image.thumbnail.size
    assert retention.preview() == retention.Due(1, image.stored_bytes, 0)
    assert retention.apply() == retention.Due(1, freed, 0)
    assert retention.apply() == retention.Due(0, 0, 0)
    kept = ImageUpload.objects.get()
    assert not kept.file.storage.exists(kept.file.name)
    assert kept.stored_bytes == kept.thumbnail.size
    assert kept.sha256 == image.sha256
    client.force_login(image.owner)
    page = client.get(f"/predictions/{result.pk}/").content.decode()
    assert "The image itself was deleted on" in page
    assert "As the model saw it" not in page
    shown = client.get(f"/images/{image.pk}/image.png")
    assert b"".join(shown.streaming_content) == kept.thumbnail.read()
    assert client.get(f"/predictions/{result.pk}/model-view.png").status_code == 404
    assert client.get(f"/api/v1/images/{image.pk}/").status_code == 404


def test_what_is_young_small_unfinished_or_signed_keeps_its_original() -> None:
    young = large_image()
    ImageUpload.objects.filter(pk=young.pk).update(uploaded_at=timezone.now())
    small = ImageUploadFactory.create(uploaded_at=LONG_AGO)
    ImageUpload.objects.filter(pk=small.pk).update(thumbnail=small.file.name)
    PredictionFactory.create(image=large_image())
    signed = BatchFactory.create(signed_at=timezone.now())
    result_of(large_image(), batch=signed, created_at=LONG_AGO)
    assert retention.preview() == retention.Due(0, 0, 0)


def test_results_go_into_the_trash_first() -> None:
    old = result_of(ImageUploadFactory.create(), created_at=LONG_AGO)
    young = result_of(old.image)
    waiting = PredictionFactory.create(created_at=LONG_AGO)
    tasks.retain()
    assert set(Prediction.objects.kept()) == {young, waiting}
    assert Prediction.objects.in_trash_of(old.owner).get() == old
    event = AuditEvent.objects.get(action=audit.Action.TRASHED)
    assert event.details == {"keys": [str(old.pk)], "number": 1, "after_days": 30}


def test_nothing_goes_unless_somebody_says_so(settings: Settings) -> None:
    settings.KEEP_ORIGINALS_DAYS = settings.KEEP_RESULTS_DAYS = 0
    result_of(large_image(), created_at=LONG_AGO)
    assert retention.apply() == retention.Due(0, 0, 0)


def test_a_preview_says_what_would_go_and_takes_nothing() -> None:
    result_of(large_image(), created_at=LONG_AGO)
    output = io.StringIO()
    call_command("preview_retention", stdout=output)
    assert "1 original images" in output.getvalue()
    assert "1 results are older than 30 days" in output.getvalue()
    assert Prediction.objects.kept().count() == 1
    assert not ImageUpload.objects.exclude(original_dropped_at=None).exists()


def in_project(days: int | None, **fields: Any) -> Prediction:
    project = ProjectFactory.create(keep_originals_days=days, keep_results_days=days)
    return result_of(large_image(), project=project, created_at=LONG_AGO, **fields)


@pytest.mark.parametrize(("days", "goes"), [(None, True), (0, False), (40, False), (10, True)])
def test_a_project_has_days_of_its_own(days: int | None, goes: bool) -> None:
    result = in_project(days)
    due = retention.preview(result.project)
    assert (due.originals, due.results) == (int(goes), int(goes))
    retention.apply()
    result.image.refresh_from_db()
    assert (result.image.original_dropped_at is not None) is goes


def test_a_project_may_let_go_where_the_installation_keeps(settings: Settings) -> None:
    settings.KEEP_ORIGINALS_DAYS = settings.KEEP_RESULTS_DAYS = 0
    outside = result_of(large_image(), created_at=LONG_AGO)
    inside = in_project(10)
    retention.apply()
    outside.image.refresh_from_db()
    assert outside.image.original_dropped_at is None
    assert list(Prediction.objects.kept()) == [outside]
    assert inside in Prediction.objects.exclude(deleted_at=None)


def test_an_image_stays_as_long_as_one_of_its_projects_keeps_it() -> None:
    result = in_project(10)
    keeping = ProjectFactory.create(keep_originals_days=0, owner=result.owner)
    result_of(result.image, project=keeping)
    assert retention.preview().originals == 0


def labelled(days: int | None, **fields: Any) -> LabelledImage:
    """An image of 31 days ago that only a labelled set of a project has."""
    project = ProjectFactory.create(keep_originals_days=days)
    row: LabelledImage = LabelledImageFactory.create(
        labelled_set__project=project, image=large_image(owner=project.owner), **fields
    )
    return row


@pytest.mark.parametrize(
    ("installation", "project", "goes"),
    [(30, None, True), (30, 0, False), (30, 40, False), (0, None, False), (0, 10, True)],
)
def test_an_image_of_a_labelled_set_goes_by_the_days_of_its_project(
    settings: Settings, installation: int, project: int | None, goes: bool
) -> None:
    settings.KEEP_ORIGINALS_DAYS = installation
    row = labelled(project)
    assert retention.preview().originals == int(goes)
    assert retention.preview(row.labelled_set.project).originals == int(goes)
    retention.apply()
    row.image.refresh_from_db()
    assert (row.image.original_dropped_at is not None) is goes
    assert LabelledImage.objects.get() == row


def test_a_set_keeps_an_image_whose_result_may_go_and_the_other_way_round() -> None:
    kept_by_set, kept_by_result = labelled(0), labelled(10)
    result_of(kept_by_set.image)
    keeping = ProjectFactory.create(keep_originals_days=0)
    result_of(kept_by_result.image, project=keeping)
    assert retention.preview().originals == 0


def test_what_a_model_is_measured_on_or_fitted_to_stays_until_that_has_ended() -> None:
    measured, fitted = labelled(None), labelled(None)
    validation = ValidationFactory.create(labelled_set=measured.labelled_set)
    adaptation = AdaptationFactory.create(labelled_set=fitted.labelled_set)
    adaptation.images.add(fitted.image)
    assert retention.preview().originals == 0
    ended = {"status": "FAILURE", "error_message": "Too long", "finished_at": timezone.now()}
    for row in (validation, adaptation):
        type(row).objects.filter(pk=row.pk).update(**ended)
    assert retention.preview().originals == 2


def test_the_owner_sees_what_would_go_before_anything_does(client: Client) -> None:
    result = in_project(None)
    project = result.project
    assert project is not None
    address = f"/projects/{project.pk}/retention/"
    client.force_login(project.owner)
    sent = {"keep_originals_days": "10", "keep_results_days": "0"}
    page = client.post(address, {**sent, "preview": "yes"}).content.decode()
    assert "would delete 1 image" in page
    assert "put 0 results" in page
    project.refresh_from_db()
    assert project.keep_originals_days is None
    client.post(address, sent)
    project.refresh_from_db()
    assert (project.keep_originals_days, project.keep_results_days) == (10, 0)
    event = AuditEvent.objects.get(action=audit.Action.LIMITS_CHANGED)
    assert event.subject_key == str(project.pk)
    assert client.post(address, {"keep_originals_days": "soon"}).status_code == 400
