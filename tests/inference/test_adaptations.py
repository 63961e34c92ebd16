"""A worker adapts a real network to labelled images, turn by turn, and survives what happens."""

import errno
import io
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from classifier import catalogue, tasks
from classifier.bundles.registry import Bundle
from classifier.datasets import datasets
from classifier.inference import adaptations, loader, model_imports
from classifier.models import Adaptation, LabelledSet, ModelImport, Status, TrainedModel
from classifier.services import adaptations as service
from classifier.services import own_models
from classifier.services.labelled_sets import SetRefused, kinds_for
from tests.factories import ImageUploadFactory, LabelledImageFactory, LabelledSetFactory
from tests.training import synthetic

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return synthetic.evaluated_bundle(tmp_path_factory.mktemp("shipped"))


@pytest.fixture
def model(shipped: Bundle, settings: Settings, tmp_path: Path) -> TrainedModel:
    settings.MODELS_DIR, settings.PREDICTION_BATCH_SIZE = shipped.path.parent, 16
    settings.MEDMNIST_ROOT = synthetic.write_data_file(tmp_path / "data").parent
    settings.MIN_FREE_DISK_BYTES = 0
    catalogue.load_bundles()
    return TrainedModel.objects.get()


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.run_adaptations, "delay", lambda: None)


@pytest.fixture
def labelled() -> LabelledSet:
    """Forty images as from another microscope: what is bright at home is dark here."""
    made = LabelledSetFactory.create(dataset="breastmnist", name="Our slides")
    part = synthetic.split(40, 7)
    for number, (pixels, label) in enumerate(zip(255 - part.images, part.labels, strict=True)):
        picture, file = Image.fromarray(pixels[..., 0]), io.BytesIO()
        # Enlarged, since no upload may be so small; shrinking gives the pixels back.
        picture.resize((64, 64), Image.Resampling.NEAREST).save(file, "PNG")
        LabelledImageFactory.create(
            labelled_set=made,
            given_label=("malignant", "normal, benign")[label],
            image=ImageUploadFactory.create(
                owner=made.owner,
                file=ContentFile(file.getvalue(), "image.png"),
                sha256=f"{number:064x}",
                width=64,
                height=64,
            ),
        )
    return made


def adapt(model: TrainedModel, labelled: LabelledSet, **options: Any) -> Adaptation:
    return service.adapt(
        person=labelled.owner, labelled_set=labelled, trained_model=model, **options
    )


def run_to_the_end(adaptation: Adaptation, turns: int = 60) -> Adaptation:
    for _ in range(turns):
        if not adaptations.run_turn(claim="task"):
            break
    return Adaptation.objects.get(pk=adaptation.pk)


def hidden(settings: Settings) -> list[str]:
    """What is left of work beside the bundles."""
    return [path.name for path in settings.ADAPTED_MODELS_DIR.glob(".*")]


def test_a_model_is_made_that_only_its_owner_can_choose_and_that_answers_at_once(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, other_user: Any
) -> None:
    other = synthetic.split(40, 8)
    before = [row.probabilities for row in loader.load(model).answer(other.images)]
    adaptation = run_to_the_end(adapt(model, labelled))
    assert adaptation.status == Status.SUCCESS, adaptation.error_message
    made, figures = adaptation.adapted_model, adaptation.figures
    assert made is not None
    assert figures is not None
    assert (figures.n, adaptation.images.count()) == (40, 40)
    assert figures.gain.proposed
    assert figures.gain.interval[0] > 0
    assert figures.at_home is not None
    assert made.title == "Synthetic, Our slides"
    assert not made.is_offered
    assert made in TrainedModel.objects.choosable_by(labelled.owner)
    assert made not in TrainedModel.objects.choosable_by(other_user)
    right = [
        row.probabilities.argmax() for row in loader.load(made).answer(255 - other.images)
    ] == other.labels
    assert right.mean() > 0.8
    assert hidden(settings) == []
    # What the shipped one says is as it was.
    after = [row.probabilities for row in loader.load(model).answer(other.images)]
    assert np.array_equal(before, after)


def test_after_each_turn_there_is_room_for_others_and_a_killed_worker_is_followed(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptations, "TURN_SECONDS", 0.0001)
    adaptation, seen = adapt(model, labelled), []
    for _ in range(7):
        adaptations.run_turn(claim="first")
        adaptation.refresh_from_db()
        seen.append((adaptation.done, adaptation.fits))
    # Its own images, then those from home, then fits.
    assert seen == [(16, 0), (32, 0), (40, 0), (56, 0), (72, 0), (88, 0), (88, 1)]
    assert hidden(settings) == [f".adapting-{adaptation.pk.hex}"]
    long_ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    Adaptation.objects.update(status=Status.STARTED, claim="killed", heard_at=long_ago)
    assert adaptations.are_due()
    assert run_to_the_end(adaptation).status == Status.SUCCESS
    assert hidden(settings) == []


def test_killed_after_the_bundle_was_written_it_is_taken_as_it_is(
    model: TrainedModel, labelled: LabelledSet, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    adaptation = adapt(model, labelled)

    class Killed(BaseException):
        pass

    def die(*args: object, **switches: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "register", die)
        with pytest.raises(Killed):
            run_to_the_end(adaptation)
    bundle = settings.ADAPTED_MODELS_DIR / adaptation.slug / "model.keras"
    written = bundle.stat().st_mtime_ns
    assert run_to_the_end(adaptation).status == Status.SUCCESS
    assert bundle.stat().st_mtime_ns == written


def test_what_lies_on_the_disk_may_be_lost(
    model: TrainedModel, labelled: LabelledSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    adaptation = adapt(model, labelled)
    with monkeypatch.context() as patch:
        patch.setattr(adaptations, "TURN_SECONDS", 0.0001)
        for _ in range(3):
            adaptations.run_turn(claim="task")
    catalogue.remove_leftovers("adapting", [])
    assert run_to_the_end(adaptation).status == Status.SUCCESS


def test_a_worker_that_always_dies_ends_it_in_words_and_leaves_nothing(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptations, "TURN_SECONDS", 0.0001)
    adaptation = adapt(model, labelled)
    adaptations.run_turn(claim="task")
    long_ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    Adaptation.objects.update(
        status=Status.STARTED, attempts=settings.PREDICTION_MAX_ATTEMPTS, heard_at=long_ago
    )
    assert adaptations.give_up_exhausted() == 1
    adaptation.refresh_from_db()
    assert "given up" in adaptation.error_message
    assert hidden(settings) == []


def test_deleted_while_it_runs_it_leaves_nothing(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    adaptation = adapt(model, labelled)

    def meanwhile(bundle: Bundle, **switches: object) -> None:
        raise AssertionError("Nothing is registered of what was deleted.")

    write = adaptations._Work._write_bundle

    def delete_and_write(work: Any) -> Bundle:
        service.delete_adaptation(person=labelled.owner, adaptation=adaptation)
        return write(work)

    monkeypatch.setattr(catalogue, "register", meanwhile)
    monkeypatch.setattr(adaptations._Work, "_write_bundle", delete_and_write)
    while adaptations.run_turn(claim="task"):
        pass
    assert list(settings.ADAPTED_MODELS_DIR.iterdir()) == []
    assert TrainedModel.objects.get() == model


def test_a_full_disk_is_said_and_nothing_is_half_made(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **arrays: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    adaptation = run_to_the_end(adapt(model, labelled))
    assert adaptation.status == Status.FAILURE
    assert "no room left on the disk" in adaptation.error_message
    assert list(settings.ADAPTED_MODELS_DIR.iterdir()) == []


def test_labels_all_wrong_are_not_proposed_and_nobody_can_choose_the_model(
    model: TrainedModel, labelled: LabelledSet
) -> None:
    generator = np.random.default_rng(0)
    for image in labelled.images.all():
        image.label = str(generator.choice(["malignant", "normal, benign"]))
        image.save()
    adaptation = run_to_the_end(adapt(model, labelled))
    assert adaptation.figures is not None
    assert adaptation.figures.gain.reason.startswith("Not proposed.")
    assert adaptation.adapted_model not in TrainedModel.objects.choosable_by(labelled.owner)
    service.use_anyway(person=labelled.owner, adaptation=adaptation)
    assert adaptation.adapted_model in TrainedModel.objects.choosable_by(labelled.owner)


def one_image(labelled: LabelledSet) -> None:
    labelled.images.exclude(pk=labelled.images.earliest("pk").pk).delete()


def one_class(labelled: LabelledSet) -> None:
    labelled.images.update(label="malignant")


def own_classes(labelled: LabelledSet) -> None:
    labelled.images.update(label="blast")


@pytest.mark.parametrize("change", [one_image, one_class, own_classes])
def test_too_little_is_refused_before_anything_is_begun(
    model: TrainedModel, labelled: LabelledSet, change: Callable[[LabelledSet], None]
) -> None:
    change(labelled)
    outlook = service.outlook(labelled)
    assert "5 images or more of at least 2 classes" in outlook.obstacle
    with pytest.raises(service.NotEnough, match="5 images or more of at least 2 classes"):
        adapt(model, labelled)
    assert not Adaptation.objects.exists()


def test_images_that_cannot_be_read_are_left_out_until_too_few_are_left(
    model: TrainedModel, labelled: LabelledSet, settings: Settings
) -> None:
    images = list(labelled.images.in_order())
    for image in images[:8]:
        Path(settings.MEDIA_ROOT, image.image.file.name).write_bytes(b"no image")
    found = run_to_the_end(adapt(model, labelled)).figures
    assert found is not None
    assert found.n == 32
    for image in images[8:]:
        Path(settings.MEDIA_ROOT, image.image.file.name).write_bytes(b"no image")
    failed = run_to_the_end(adapt(model, labelled))
    assert "None of the images could be read" in failed.error_message


def test_two_at_once_are_one_and_others_wait_their_turn(
    model: TrainedModel, labelled: LabelledSet
) -> None:
    first = adapt(model, labelled)
    assert adapt(model, labelled) == first
    run_to_the_end(first)
    second = adapt(model, labelled, title="Once more", coverage=0.99)
    ended = run_to_the_end(second)
    assert ended.adapted_model != Adaptation.objects.get(pk=first.pk).adapted_model
    assert ended.adapted_model is not None
    # Forty images are too few to promise 99 %.
    said = " ".join(ended.adapted_model.described.limitations)
    assert "can be promised from 99 images on" in said


def test_a_deleted_set_ends_it_in_words_and_what_was_made_stays(
    model: TrainedModel, labelled: LabelledSet
) -> None:
    made = run_to_the_end(adapt(model, labelled)).adapted_model
    waiting = adapt(model, labelled)
    labelled.delete_with_images()
    failed = run_to_the_end(waiting)
    assert "set was deleted" in failed.error_message
    with pytest.raises(SetRefused, match="was deleted"):
        service.try_again(person=labelled.owner, adaptation=failed)
    assert made in TrainedModel.objects.choosable_by(labelled.owner)


def test_of_many_images_some_are_taken(
    model: TrainedModel, labelled: LabelledSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_IMAGES", 30)
    found = run_to_the_end(adapt(model, labelled)).figures
    assert found is not None
    assert found.n == 30


def test_a_person_keeps_no_more_models_than_they_may(
    model: TrainedModel, labelled: LabelledSet, settings: Settings
) -> None:
    settings.MAX_MODELS_PER_PERSON = 1
    made = run_to_the_end(adapt(model, labelled))
    with pytest.raises(own_models.TooManyModels, match="Delete one"):
        adapt(model, labelled)
    service.delete_adaptation(person=labelled.owner, adaptation=made)
    assert adapt(model, labelled).status == Status.PENDING


def test_a_model_for_classes_of_ones_own_is_private_and_goes_as_a_whole(
    model: TrainedModel, labelled: LabelledSet, settings: Settings, other_user: Any
) -> None:
    for name, own in (("malignant", "upper"), ("normal, benign", "lower")):
        labelled.images.filter(label=name).update(label=own)
    rare = labelled.images.filter(label="upper").earliest("pk")
    rare.label = "rare"
    rare.save()
    adaptation = run_to_the_end(adapt(model, labelled, own_classes=True))
    assert adaptation.status == Status.SUCCESS, adaptation.error_message
    made, figures = adaptation.adapted_model, adaptation.figures
    assert made is not None
    assert figures is not None
    assert made.described.classes == ("lower", "upper")
    assert (figures.n, figures.own_classes, figures.at_home) == (39, True, None)
    assert figures.gain.proposed
    assert "always naming the commonest class" in figures.gain.reason
    assert made.dataset in kinds_for(labelled.owner)
    assert made.dataset not in kinds_for(other_user)
    other = synthetic.split(40, 8)
    said = [row.probabilities.argmax() for row in loader.load(made).answer(255 - other.images)]
    assert (said == 1 - other.labels).mean() > 0.8
    # It travels with the description of its classes.
    package = own_models.packed(made).read()
    service.delete_adaptation(person=labelled.owner, adaptation=adaptation)
    catalogue.remove_leftovers("adapting", [])
    described = settings.OWN_DATASETS_DIR / f"{made.dataset}.json"
    shutil.rmtree(settings.ADAPTED_MODELS_DIR / made.slug)
    described.unlink()
    assert made.dataset not in datasets()
    own_models.import_model(person=other_user, upload=SimpleUploadedFile("m.zip", package))
    assert model_imports.run_turn(claim="task")
    assert ModelImport.objects.get().error_message == ""
    assert TrainedModel.objects.get(slug=made.slug).dataset in kinds_for(other_user)
