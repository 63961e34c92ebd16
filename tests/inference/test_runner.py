"""The run side on real weights: what it writes, and how it fails."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.base import ContentFile
from django.db import OperationalError
from PIL import Image
from pytest_django import DjangoAssertNumQueries, Settings

from classifier import catalogue
from classifier.inference import loader, runner
from classifier.models import ImageUpload, Prediction, PredictionQuerySet, Status, TrainedModel
from classifier.synthetic import samples
from tests.factories import ImageUploadFactory, PredictionFactory
from tests.smears import smear

pytestmark = pytest.mark.django_db

BLOOD = "blood-compact"


@pytest.fixture
def trained_model() -> TrainedModel:
    catalogue.load_bundles()
    return TrainedModel.objects.get(slug=BLOOD)


@pytest.fixture
def sample_image() -> ImageUpload:
    slug = next(known.slug for known in samples.samples() if known.dataset == "bloodmnist")
    drawn = ContentFile(samples.draw(slug), "image.png")
    return ImageUploadFactory.create(file=drawn, width=360, height=363)


def test_a_prediction_gets_a_probability_for_every_class(
    trained_model: TrainedModel, sample_image: ImageUpload
) -> None:
    prediction = PredictionFactory.create(trained_model=trained_model, image=sample_image)
    assert runner.run_waiting(claim="task") == 1
    prediction.refresh_from_db()
    assert prediction.status == Status.SUCCESS
    assert [label for label, _ in prediction.probabilities] == trained_model.metadata["classes"]
    assert sum(dict(prediction.probabilities).values()) == pytest.approx(1, abs=1e-5)
    assert prediction.confidence == max(dict(prediction.probabilities).values())
    assert prediction.model_version == trained_model.version
    assert prediction.started_at < prediction.finished_at


def test_the_first_sample_is_drawn_well_enough_to_be_taken_for_a_cell(
    trained_model: TrainedModel, sample_image: ImageUpload
) -> None:
    prediction = PredictionFactory.create(trained_model=trained_model, image=sample_image)
    runner.run_waiting(claim="task")
    prediction.refresh_from_db()
    assert prediction.in_distribution
    assert prediction.prediction_set == ["neutrophil"]


def test_a_batch_gives_each_image_the_answer_that_it_gets_alone(
    trained_model: TrainedModel,
) -> None:
    drawn = [known.slug for known in samples.samples() if known.dataset == "bloodmnist"]
    images = [
        ImageUploadFactory.create(file=ContentFile(samples.draw(s), "image.png")) for s in drawn
    ]
    alone = [PredictionFactory.create(trained_model=trained_model, image=each) for each in images]
    runner.run_waiting(claim="together")
    together = [Prediction.objects.get(pk=prediction.pk).confidence for prediction in alone]
    loaded = loader.load(trained_model)
    for prediction, confidence in zip(alone, together, strict=True):
        pixels = runner.stored_input(prediction)[None]
        assert float(loaded.answer(pixels)[0].probabilities.max()) == pytest.approx(
            confidence, abs=1e-4
        )


def test_what_was_found_is_kept_with_the_answer(trained_model: TrainedModel) -> None:
    buffer = io.BytesIO()
    Image.fromarray(smear((500, 400), [(310, 160, 110)])).save(buffer, "PNG")
    found = ImageUploadFactory.create(
        file=ContentFile(buffer.getvalue(), "image.png"), width=500, height=400
    )
    empty = ImageUploadFactory.create()
    around, centre = (
        PredictionFactory.create(trained_model=trained_model, image=image)
        for image in (found, empty)
    )
    cut = PredictionFactory.create(trained_model=trained_model, image=found, crop="center")
    runner.run_waiting(claim="task")
    for prediction in (around, centre, cut):
        prediction.refresh_from_db()
        assert prediction.status == Status.SUCCESS
    left, upper, right, lower = around.box or (0, 0, 0, 0)
    assert ((left + right) / 2, (upper + lower) / 2) == pytest.approx((310, 160), abs=20)
    assert (around.box_origin, centre.box_origin, cut.box_origin) == ("found", "center", "")
    assert centre.box is None


def test_nothing_waiting_is_nothing_done(trained_model: TrainedModel) -> None:
    assert runner.run_waiting(claim="task") == 0


def test_the_network_is_loaded_once(trained_model: TrainedModel) -> None:
    assert loader.load(trained_model) is loader.load(trained_model)


def test_an_unreadable_image_fails_alone(
    trained_model: TrainedModel, sample_image: ImageUpload
) -> None:
    good = PredictionFactory.create(trained_model=trained_model, image=sample_image)
    bad = PredictionFactory.create(trained_model=trained_model)
    Path(bad.image.file.path).unlink()
    runner.run_waiting(claim="task")
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.status, bad.status) == (Status.SUCCESS, Status.FAILURE)
    assert bad.error_message == runner.UNREADABLE


def test_a_bundle_that_is_gone_fails_in_plain_words(
    trained_model: TrainedModel, settings: Settings, tmp_path: Path
) -> None:
    prediction = PredictionFactory.create(trained_model=trained_model)
    TrainedModel.objects.update(sha256="0" * 64)
    settings.MODELS_DIR = tmp_path
    runner.run_waiting(claim="task")
    prediction.refresh_from_db()
    assert prediction.error_message == runner.UNAVAILABLE


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SoftTimeLimitExceeded(), runner.TOO_LONG),
        (RuntimeError("a secret path"), runner.UNEXPECTED),
    ],
)
def test_failures_end_in_safe_words(
    error: Exception,
    message: str,
    trained_model: TrainedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prediction = PredictionFactory.create(trained_model=trained_model)
    monkeypatch.setattr(loader, "load", raiser(error))
    runner.run_waiting(claim="task")
    prediction.refresh_from_db()
    assert (prediction.status, prediction.error_message) == (Status.FAILURE, message)


def raiser(error: Exception) -> Callable[..., None]:
    def fail(*args: object) -> None:
        raise error

    return fail


def test_a_late_result_does_not_overwrite_another_claim(
    trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = PredictionFactory.create(trained_model=trained_model)
    load = loader.load

    def overtaken(wanted: TrainedModel) -> loader.LoadedModel:
        Prediction.objects.update(claim="another worker")
        return load(wanted)

    monkeypatch.setattr(loader, "load", overtaken)
    runner.run_waiting(claim="slow worker")
    prediction.refresh_from_db()
    assert (prediction.status, prediction.claim) == (Status.STARTED, "another worker")


def test_a_prediction_deleted_while_it_runs_stays_deleted(
    trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    PredictionFactory.create(trained_model=trained_model)
    load = loader.load

    def deleted(wanted: TrainedModel) -> loader.LoadedModel:
        Prediction.objects.all().delete()
        return load(wanted)

    monkeypatch.setattr(loader, "load", deleted)
    runner.run_waiting(claim="task")
    assert not Prediction.objects.exists()


def test_what_one_claim_lost_costs_the_rest_of_its_batch_nothing(
    trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, taken_over, deleted = PredictionFactory.create_batch(3, trained_model=trained_model)
    answer = loader.LoadedModel.answer

    def meanwhile(*args: Any) -> Any:
        Prediction.objects.filter(pk=taken_over.pk).update(claim="another worker")
        Prediction.objects.filter(pk=deleted.pk).delete()
        return answer(*args)

    monkeypatch.setattr(loader.LoadedModel, "answer", meanwhile)
    runner.run_waiting(claim="task")
    assert set(Prediction.objects.values_list("pk", "status")) == {
        (kept.pk, Status.SUCCESS),
        (taken_over.pk, Status.STARTED),
    }


def test_an_answer_of_no_numbers_fails_alone(
    trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    PredictionFactory.create_batch(2, trained_model=trained_model)
    rows = np.full((2, 8), 0.125, np.float32)
    rows[1, 3] = np.nan
    answers = [loader.Answer(trained_model.dataset_info.labels, row) for row in rows]
    monkeypatch.setattr(loader.LoadedModel, "answer", lambda *args: answers)
    runner.run_waiting(claim="task")
    good, bad = Prediction.objects.order_by("created_at")
    assert (good.status, good.confidence) == (Status.SUCCESS, 0.125)
    assert (bad.status, bad.error_message) == (Status.FAILURE, runner.NO_ANSWER)
    assert (bad.predicted_label, bad.probabilities) == ("", None)


def test_a_batch_asks_the_database_as_often_as_a_single_image(
    trained_model: TrainedModel, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    PredictionFactory.create_batch(5, trained_model=trained_model)
    loader.load(trained_model)
    # The model, the claim with its savepoints, one statement for all results, and a look for more.
    with django_assert_max_num_queries(8):
        runner.run_waiting(claim="task")


@pytest.mark.parametrize(("turn", "done"), [(timedelta(hours=1), 5), (timedelta(), 2)])
def test_a_task_runs_batches_until_its_turn_is_over(
    trained_model: TrainedModel,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    turn: timedelta,
    done: int,
) -> None:
    settings.PREDICTION_BATCH_SIZE = 2
    monkeypatch.setattr(runner, "TURN", turn)
    PredictionFactory.create_batch(5, trained_model=trained_model)
    assert runner.run_waiting(claim="task") == done
    assert Prediction.objects.filter(status=Status.PENDING).count() == 5 - done


def test_tasks_due_counts_batches_and_retries(
    trained_model: TrainedModel, settings: Settings
) -> None:
    settings.PREDICTION_BATCH_SIZE = 2
    PredictionFactory.create_batch(3, trained_model=trained_model)
    PredictionFactory.create(trained_model=trained_model, attempts=1)
    assert runner.tasks_due() == {BLOOD: 3}


def damaged_archive(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def too_narrow(path: Path) -> None:
    import keras

    pixels = keras.Input((64, 64, 3))
    flat = keras.layers.GlobalAveragePooling2D()(pixels)
    keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(flat)).save(path)


def for_other_images(path: Path) -> None:
    import keras

    pixels = keras.Input((32, 32, 3))
    flat = keras.layers.Flatten()(pixels)
    keras.Model(pixels, keras.layers.Dense(8, activation="softmax")(flat)).save(path)


@pytest.mark.parametrize("damage", [damaged_archive, too_narrow, for_other_images])
def test_a_network_unlike_its_description_fails_alone(
    damage: Callable[[Path], None],
    settings: Settings,
    tmp_path: Path,
    sample_image: ImageUpload,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only its network shows that it is broken: the worker says so and serves the others."""
    copied = Path(shutil.copytree(settings.MODELS_DIR, tmp_path / "models"))
    settings.MODELS_DIR = copied
    damage(copied / BLOOD / "model.keras")
    sha256 = hashlib.sha256((copied / BLOOD / "model.keras").read_bytes()).hexdigest()
    metadata = json.loads((copied / BLOOD / "metadata.json").read_text())
    metadata["weights"] = {"file": "model.keras", "sha256": sha256}
    (copied / BLOOD / "metadata.json").write_text(json.dumps(metadata))
    evaluation = json.loads((copied / BLOOD / "evaluation.json").read_text())
    evaluation["weights_sha256"] = sha256
    (copied / BLOOD / "evaluation.json").write_text(json.dumps(evaluation))
    catalogue.load_bundles()

    loader.warm_active_models()
    assert f"Model {BLOOD} cannot be loaded" in caplog.text
    assert "Model breast-compact cannot" not in caplog.text

    trained_model = TrainedModel.objects.get(slug=BLOOD)
    prediction = PredictionFactory.create(trained_model=trained_model, image=sample_image)
    runner.run_waiting(claim="task")
    prediction.refresh_from_db()
    assert (prediction.status, prediction.error_message) == (Status.FAILURE, runner.UNAVAILABLE)


def test_a_worker_that_does_not_see_the_images_leaves_them_to_others(
    trained_model: TrainedModel, settings: Settings, tmp_path: Path
) -> None:
    prediction = PredictionFactory.create(trained_model=trained_model)
    shared, settings.MEDIA_ROOT = settings.MEDIA_ROOT, tmp_path / "not mounted"
    assert runner.run_waiting(claim="blind") == 0
    prediction.refresh_from_db()
    assert (prediction.status, prediction.attempts) == (Status.PENDING, 0)
    settings.MEDIA_ROOT = shared
    assert runner.run_waiting(claim="seeing") == 1


def test_results_that_the_database_does_not_take_are_no_failures(
    trained_model: TrainedModel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PREDICTION_BATCH_SIZE = 1
    PredictionFactory.create_batch(2, trained_model=trained_model)

    def cut(*args: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(PredictionQuerySet, "write_claimed", cut)
        with pytest.raises(OperationalError):
            runner.run_waiting(claim="first")
    # It was no fault of theirs, and costs no attempt: neither what ran nor what was to follow.
    states = Prediction.objects.values_list("status", "attempts")
    assert set(states) == {(Status.PENDING, 0)}
    runner.run_waiting(claim="second")
    assert set(states.all()) == {(Status.SUCCESS, 1)}
