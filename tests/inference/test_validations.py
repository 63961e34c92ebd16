"""A worker validates a real model on labelled images, turn by turn, and survives what happens."""

import random
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from pytest_django import Settings

from classifier import catalogue, tasks
from classifier.inference import loader, validations
from classifier.models import LabelledSet, Status, TrainedModel, Validation
from classifier.synthetic import samples
from classifier.validation.report import ValidationReport
from tests.factories import (
    ImageUploadFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    ValidationFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def cells() -> list[tuple[str, bytes]]:
    """Drawn cells with the class that the first word of their alternative text names."""
    known = [each for each in samples.samples() if each.dataset == "bloodmnist"]
    return [(each.slug, samples.draw(each.slug)) for each in known]


@pytest.fixture
def model(settings: Settings) -> TrainedModel:
    settings.PREDICTION_BATCH_SIZE = 4
    catalogue.load_bundles()
    return TrainedModel.objects.get(slug="blood-compact-28")


@pytest.fixture
def labelled(cells: list[tuple[str, bytes]]) -> LabelledSet:
    """Each cell twice, so that all have twins, and one that is of no class of the model."""
    made = LabelledSetFactory.create()
    labels = ["neutrophil", "monocyte", "lymphocyte", "platelet"]
    for number, (slug, drawn) in enumerate(cells * 2):
        LabelledImageFactory.create(
            labelled_set=made,
            given_label="blast" if number == 1 else labels[number % 4],
            group=f"patient {number % 3}" if number < 3 else "",
            image=ImageUploadFactory.create(
                owner=made.owner, file=ContentFile(drawn, "image.png"), original_filename=slug
            ),
        )
    return made


def run_to_the_end(validation: Validation, turns: int = 50) -> ValidationReport:
    for _ in range(turns):
        if not validations.run_turn(claim="task"):
            break
    validation.refresh_from_db()
    assert validation.status == Status.SUCCESS, validation.error_message
    return ValidationReport.model_validate(validation.report)


def test_a_validation_measures_and_says_what_it_measured_on(
    model: TrainedModel, labelled: LabelledSet
) -> None:
    validation = ValidationFactory.create(trained_model=model, labelled_set=labelled)
    report = run_to_the_end(validation)
    n = labelled.images.count()
    assert (report.labelled_set.n, report.figures.n, validation.done) == (n, n - 1, n)
    assert [each.label for each in report.figures.own_classes] == ["blast"]
    assert report.labelled_set.near_duplicates == n
    assert report.labelled_set.clusters <= n / 2
    assert report.model.version == validation.model_version == model.version
    assert report.home is not None
    assert report.home.n == 3421
    assert report.figures.sets is not None
    assert report.notice.startswith("Research use only")
    clusters = set(labelled.images.values_list("cluster", flat=True))
    assert len(clusters) == report.labelled_set.clusters
    # What was kept of the images while it ran is gone.
    assert not validation.answers.exclude(features=None, thumbnail=None).exists()


def test_a_long_validation_makes_room_after_each_turn_and_goes_on(
    model: TrainedModel, labelled: LabelledSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validations, "TURN_SECONDS", 0.0001)
    validation = ValidationFactory.create(trained_model=model, labelled_set=labelled)
    done = []
    while validations.run_turn(claim=f"task {random.random()}"):
        validation.refresh_from_db()
        done.append(validation.done)
    assert validation.status == Status.SUCCESS
    assert done[:2] == [4, 8]
    assert validation.answers.count() == labelled.images.count()


def test_a_killed_worker_loses_no_answer_and_doubles_none(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validations, "TURN_SECONDS", 0.0001)
    validation = ValidationFactory.create(trained_model=model, labelled_set=labelled)
    validations.run_turn(claim="first")
    long_ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    Validation.objects.update(status=Status.STARTED, claim="killed", heard_at=long_ago)
    assert validations.are_due()
    monkeypatch.undo()
    run_to_the_end(validation)
    assert validation.answers.count() == labelled.images.count()


def test_a_deleted_set_ends_its_validation_without_a_trace(
    model: TrainedModel, labelled: LabelledSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validations, "TURN_SECONDS", 0.0001)
    ValidationFactory.create(trained_model=model, labelled_set=labelled)
    validations.run_turn(claim="task")
    labelled.delete_with_images()
    assert not validations.run_turn(claim="task")
    assert not Validation.objects.exists()


def test_an_image_that_cannot_be_read_is_left_out_and_counted(
    model: TrainedModel, labelled: LabelledSet, settings: Settings
) -> None:
    first = labelled.images.earliest("pk")
    Path(settings.MEDIA_ROOT, first.image.file.name).write_bytes(b"no image")
    report = run_to_the_end(ValidationFactory.create(trained_model=model, labelled_set=labelled))
    assert report.labelled_set.unreadable == 1
    assert report.labelled_set.n == labelled.images.count() - 1


def test_labels_that_the_model_does_not_know_end_with_its_classes(
    model: TrainedModel, labelled: LabelledSet
) -> None:
    labelled.images.update(label="Neutrophil")
    validation = ValidationFactory.create(trained_model=model, labelled_set=labelled)
    while validations.run_turn(claim="task"):
        validation.refresh_from_db()
    assert validation.status == Status.FAILURE
    assert "neutrophil" in validation.error_message


def test_one_image_is_measured_with_all_that_this_does_not_say(
    model: TrainedModel, labelled: LabelledSet
) -> None:
    labelled.images.exclude(pk=labelled.images.earliest("pk").pk).delete()
    report = run_to_the_end(ValidationFactory.create(trained_model=model, labelled_set=labelled))
    assert report.figures.accuracy.interval is not None
    low, high = report.figures.accuracy.interval
    assert high - low > 0.7


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (loader.ModelUnavailable("broken"), "cannot be loaded"),
        (RuntimeError("a traceback"), "unexpected error"),
    ],
)
def test_what_fails_says_so_in_plain_words(
    labelled: LabelledSet,
    model: TrainedModel,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    words: str,
) -> None:
    def fail(trained_model: TrainedModel) -> None:
        raise error

    monkeypatch.setattr(loader, "load", fail)
    validation = ValidationFactory.create(trained_model=model, labelled_set=labelled)
    validations.run_turn(claim="task")
    validation.refresh_from_db()
    assert validation.status == Status.FAILURE
    assert words in validation.error_message
    assert "traceback" not in validation.error_message


def test_a_sweep_rings_once_for_what_waits_and_not_where_a_worker_is_at_it(
    monkeypatch: pytest.MonkeyPatch, rung: list[str]
) -> None:
    turns: list[None] = []
    monkeypatch.setattr(tasks.run_validations, "delay", lambda: turns.append(None))
    waiting, running = ValidationFactory.create_batch(2)
    tasks.sweep()
    assert len(turns) == 1
    Validation.objects.filter(pk=running.pk).update(
        status=Status.STARTED, claim="task", heard_at=timezone.now()
    )
    tasks.sweep()
    assert len(turns) == 1
    assert waiting.status == Status.PENDING


def test_a_sweep_gives_up_what_killed_its_worker_each_time(
    settings: Settings, rung: list[str]
) -> None:
    ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    validation = ValidationFactory.create(
        status=Status.STARTED, heard_at=ago, attempts=settings.PREDICTION_MAX_ATTEMPTS
    )
    tasks.sweep()
    validation.refresh_from_db()
    assert validation.status == Status.FAILURE
    assert "given up" in validation.error_message
