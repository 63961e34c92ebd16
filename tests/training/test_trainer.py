"""Training is repeatable, and a run that was killed ends as if it had not been."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from classifier.bundles.schema import EpochRecord
from classifier.evaluation.batch_predict import predict
from classifier.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from classifier.training.trainer import (
    CHECKPOINT_FILE,
    Listener,
    Progress,
    ResumeError,
    TrainedNetwork,
    TrainingRun,
    best_epoch,
    learning_rates,
    recorded,
    train,
)
from tests.training import synthetic

EPOCHS = 3

# Kills itself without warning in the middle of the second epoch.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from classifier.training.trainer import train
from tests.training import synthetic

def listen(progress):
    if progress.epoch == 2 and progress.batch == 1:
        os.kill(os.getpid(), signal.SIGKILL)

train(synthetic.recipe(int(sys.argv[2])), 2, synthetic.split(48, 0), synthetic.split(24, 1),
      Path(sys.argv[1]), listener=listen)
"""


def run(
    directory: Path, *, resume: bool = False, listener: Listener = lambda progress: None
) -> TrainedNetwork:
    parts = synthetic.split(48, 0), synthetic.split(24, 1)
    recipe = synthetic.recipe(EPOCHS)
    return train(recipe, 2, *parts, directory, resume=resume, listener=listener)


def without_time(history: list[EpochRecord]) -> list[dict[str, float]]:
    return [record.model_dump(exclude={"seconds"}) for record in history]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return run(tmp_path_factory.mktemp("uninterrupted"))


def test_a_killed_run_resumes_to_the_same_end(
    tmp_path: Path, uninterrupted: TrainedNetwork
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(tmp_path), str(EPOCHS)],
        cwd=settings.BASE_DIR,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(load_checkpoint(tmp_path / CHECKPOINT_FILE).history) == 1

    resumed = run(tmp_path, resume=True)

    assert [record.epoch for record in resumed.history] == [1, 2, 3]
    for line, expected in zip(
        without_time(resumed.history), without_time(uninterrupted.history), strict=True
    ):
        assert line == pytest.approx(expected, rel=1e-5)
    assert resumed.selected_epoch == uninterrupted.selected_epoch
    for weights, others in zip(
        resumed.network.get_weights(), uninterrupted.network.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weights, others, rtol=1e-4, atol=1e-6)


def test_the_seed_decides_the_outcome_and_every_batch_is_told(
    tmp_path: Path, uninterrupted: TrainedNetwork
) -> None:
    told: list[Progress] = []
    again = run(tmp_path, listener=told.append)
    assert [step.batch for step in told if step.epoch == 1] == [1, 2, 3, 3]
    assert [step.epoch for step in told if step.record is not None] == [1, 2, 3]
    for weights, others in zip(
        again.network.get_weights(), uninterrupted.network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weights, others)


def test_the_learning_rate_rises_and_falls_to_zero(uninterrupted: TrainedNetwork) -> None:
    rates = [record.learning_rate for record in uninterrupted.history]
    assert rates[0] == pytest.approx(synthetic.recipe().learning_rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_the_network_gives_probabilities_of_pixels(uninterrupted: TrainedNetwork) -> None:
    probabilities = predict(uninterrupted.network, synthetic.split(20, 2).images)
    assert probabilities.shape == (20, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_another_recipe_is_not_resumed(tmp_path: Path) -> None:
    other = synthetic.recipe(EPOCHS).changed(seed=2)
    save_checkpoint(tmp_path / CHECKPOINT_FILE, Checkpoint(recipe=recorded(other)))
    with pytest.raises(ResumeError, match="another recipe"):
        run(tmp_path, resume=True)


def test_the_best_epoch_by_each_selection() -> None:
    measured = [(0.5, 0.8), (0.3, 0.9), (0.2, 0.9), (0.4, 0.7)]
    history = [
        EpochRecord(epoch=epoch, val_loss=loss, val_auc=auc)
        for epoch, (loss, auc) in enumerate(measured, start=1)
    ]
    assert best_epoch(history, "val_loss") == 3
    assert best_epoch(history, "val_auc") == 3
    assert best_epoch(history, "last") == 4


FINE_TUNED = synthetic.recipe(4).changed(
    fine_tuning_epochs=2, fine_tuning_learning_rate=0.02, fine_tuning_warmup_epochs=0.5
)


def test_the_epochs_that_fine_tune_have_a_rate_of_their_own() -> None:
    plain = learning_rates(synthetic.recipe(2), batches_per_epoch=10)
    main = learning_rates(FINE_TUNED, batches_per_epoch=10)
    assert [float(main(step)) for step in (5, 19)] == [float(plain(step)) for step in (5, 19)]
    fine_tuning = learning_rates(FINE_TUNED.fine_tuning_recipe(), batches_per_epoch=10)
    assert float(fine_tuning(0)) == 0
    assert float(fine_tuning(5)) == pytest.approx(0.02)
    assert float(fine_tuning(20)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("stop", "averaging"), [(2, 0.9), (3, 0.0), (3, 0.9)])
def test_a_run_cut_off_before_or_while_it_fine_tunes_resumes_to_the_same_end(
    tmp_path: Path, stop: int, averaging: float
) -> None:
    recipe = FINE_TUNED.changed(weight_averaging=0.8, fine_tuning_weight_averaging=averaging)
    parts = synthetic.split(48, 0), synthetic.split(24, 1)
    whole = train(recipe, 2, *parts, tmp_path / "whole")

    run = TrainingRun(recipe, 2, *parts)
    for epoch in range(1, stop + 1):
        run.train_epoch(epoch, lambda progress: None)
    save_checkpoint(tmp_path / CHECKPOINT_FILE, run.state())
    resumed = train(recipe, 2, *parts, tmp_path, resume=True)
    assert without_time(resumed.history) == without_time(whole.history)
    for one, other in zip(whole.network.weights, resumed.network.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fine_tuning_begins_with_the_weights_that_would_be_exported(tmp_path: Path) -> None:
    """At a rate of nothing it also ends with them."""
    parts = synthetic.split(48, 0), synthetic.split(24, 1)
    idle = FINE_TUNED.changed(fine_tuning_learning_rate=0.0, selection="last")
    refined = train(idle, 2, *parts, tmp_path / "idle").network
    main = train(idle.changed(epochs=2, fine_tuning_epochs=0), 2, *parts, tmp_path / "main").network
    weights = main.trainable_weights, refined.trainable_weights
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
