"""Who sees labelled sets, what the database refuses of them, and what goes with them."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.utils import timezone
from pytest_django import Settings

from classifier.models import (
    Assignment,
    ImageUpload,
    LabelledImage,
    LabelledSet,
    Role,
    Status,
    Validation,
)
from tests.factories import (
    BatchFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    PredictionFactory,
    ProjectFactory,
    ValidationFactory,
)

pytestmark = pytest.mark.django_db


def test_a_set_is_seen_by_its_owner_its_project_and_staff(
    user: User, other_user: User, staff: User
) -> None:
    project = ProjectFactory.create(owner=other_user)
    project.memberships.create(user=user, role=Role.VIEWER)
    own, shared = LabelledSetFactory.create(owner=user), LabelledSetFactory.create(project=project)
    stranger = LabelledSetFactory.create()
    assert set(LabelledSet.objects.visible_to(user)) == {own, shared}
    assert list(LabelledSet.objects.listed_for(user)) == [own]
    assert set(LabelledSet.objects.visible_to(staff)) == {own, shared, stranger}
    assert (own.role_of(user), shared.role_of(user)) == (Role.OWNER, Role.VIEWER)
    assert stranger.role_of(user) is None
    image = LabelledImageFactory.create(labelled_set=shared).image
    assert list(ImageUpload.objects.visible_to(user)) == [image]
    theirs = ValidationFactory.create(labelled_set=stranger)
    mine = ValidationFactory.create(labelled_set=shared)
    assert list(Validation.objects.visible_to(user)) == [mine]
    assert theirs in Validation.objects.visible_to(staff)


def test_who_reads_a_batch_blindly_sees_no_labels_of_it(user: User) -> None:
    project = ProjectFactory.create()
    project.memberships.create(user=user, role=Role.READER)
    batch = BatchFactory.create(owner=project.owner, project=project)
    LabelledSetFactory.create(owner=project.owner, project=project, batch=batch)
    assert LabelledSet.objects.visible_to(user).exists()
    assignment = Assignment.objects.create(batch=batch, reader=user)
    assert not LabelledSet.objects.visible_to(user).exists()
    Assignment.objects.filter(pk=assignment.pk).update(ended_at=timezone.now())
    assert LabelledSet.objects.visible_to(user).exists()


@pytest.mark.parametrize("wrong", [{"label": ""}, {"given_label": "", "label": "platelet"}])
def test_an_image_without_a_label_cannot_be_stored(wrong: dict[str, str]) -> None:
    with pytest.raises(IntegrityError):
        LabelledImageFactory.create(**wrong)


def test_a_file_stands_in_a_set_once() -> None:
    first = LabelledImageFactory.create()
    with pytest.raises(IntegrityError):
        LabelledImageFactory.create(labelled_set=first.labelled_set, key=first.key)


def test_classes_are_counted_by_either_name() -> None:
    first = LabelledImageFactory.create(given_label="PLT", label="platelet")
    LabelledImageFactory.create(labelled_set=first.labelled_set, label="platelet")
    images = LabelledImage.objects.filter(labelled_set=first.labelled_set)
    assert images.class_counts() == {"platelet": 2}
    assert images.class_counts("given_label") == {"PLT": 1, "neutrophil": 1}


def test_images_go_with_the_last_that_uses_them(settings: Settings) -> None:
    """Whichever goes first, a set or a result, the other keeps its image."""
    alone = LabelledImageFactory.create()
    prediction = PredictionFactory.create(image__owner=alone.labelled_set.owner)
    LabelledImageFactory.create(labelled_set=alone.labelled_set, image=prediction.image)
    other = LabelledImageFactory.create(image=PredictionFactory.create().image)
    other.image.predictions.get().delete_with_image()
    assert LabelledImage.objects.filter(pk=other.pk).exists()
    alone.labelled_set.delete_with_images()
    assert set(ImageUpload.objects.all()) == {prediction.image, other.image}
    assert Path(settings.MEDIA_ROOT, prediction.image.file.name).is_file()


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": Status.SUCCESS, "finished_at": timezone.now()},
        {"status": Status.FAILURE, "finished_at": timezone.now()},
        {"status": Status.STARTED, "finished_at": timezone.now()},
    ],
)
def test_a_validation_ends_with_a_report_or_a_reason(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        ValidationFactory.create(**wrong)


def test_the_same_validation_waits_only_once() -> None:
    first = ValidationFactory.create()
    with pytest.raises(IntegrityError):
        ValidationFactory.create(labelled_set=first.labelled_set, trained_model=first.trained_model)


def test_a_validation_is_claimed_once_and_again_when_its_worker_died(settings: Settings) -> None:
    first, second = ValidationFactory.create_batch(2)
    claimed = Validation.objects.claim_next("a")
    assert claimed is not None
    assert (claimed.pk, claimed.attempts, claimed.status) == (first.pk, 1, Status.STARTED)
    assert Validation.objects.claim_next("b") == second
    assert Validation.objects.claim_next("c") is None
    assert Validation.objects.claim_next("a") == first
    long_ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    Validation.objects.filter(pk=second.pk).update(heard_at=long_ago)
    assert Validation.objects.claim_next("c") == second
    Validation.objects.filter(pk=second.pk).update(
        heard_at=long_ago, attempts=settings.PREDICTION_MAX_ATTEMPTS
    )
    assert Validation.objects.claim_next("d") is None
    assert list(Validation.objects.exhausted()) == [second]
