"""What was stored before is kept when the schema grows."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(name: str) -> Any:
    """The models as they are after a migration, to which the database is brought."""
    executor = MigrationExecutor(connection)
    executor.migrate([("classifier", name)])
    return executor.loader.project_state([("classifier", name)]).apps


@pytest.fixture
def before_the_workbench() -> Iterator[Any]:
    yield migrate("0004_unfinished")
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("classifier"))


def test_predictions_get_their_owner_and_batches_their_models(before_the_workbench: Any) -> None:
    def old(name: str) -> Any:
        return before_the_workbench.get_model("classifier", name).objects

    people = before_the_workbench.get_model("auth", "User").objects
    owners = [people.create(username=name) for name in ("ada", "grace")]
    model = old("TrainedModel").create(slug="blood", title="Blood", version=1, metadata={})
    batch = old("Batch").create(owner=owners[0])
    rows = {
        owner: old("Prediction").create(
            image=old("ImageUpload").create(owner=owner, byte_size=1, width=8, height=8),
            trained_model=model,
            batch=batch if owner is owners[0] else None,
            status="SUCCESS",
            predicted_label="neutrophil",
            confidence=0.9,
            probabilities=[["neutrophil", 0.9], ["monocyte", 0.1]],
            in_distribution=True,
            prediction_set=["neutrophil", "monocyte"],
            model_version=1,
            finished_at=timezone.now(),
        )
        for owner in owners
    }
    now = migrate("0007_owner_required")
    for owner, row in rows.items():
        kept = now.get_model("classifier", "Prediction").objects.get(pk=row.pk)
        assert kept.owner_id == owner.pk
        assert (kept.predicted_label, kept.confidence) == ("neutrophil", 0.9)
        assert (kept.certainty, kept.review_state, kept.gallery_group) == (
            "undecided",
            "unreviewed",
            "undecided",
        )
    kept_batch = now.get_model("classifier", "Batch").objects.get(pk=batch.pk)
    assert kept_batch.closed_at == batch.created_at
    assert [each.slug for each in kept_batch.trained_models.all()] == ["blood"]


def test_what_limits_said_is_kept_when_they_get_a_third_step(before_the_workbench: Any) -> None:
    before = migrate("0012_readings_outlive_accounts")
    owner = before.get_model("auth", "User").objects.create(username="ada")
    models = [before.get_model("classifier", name) for name in ("ImageUpload", "TrainedModel")]
    image = models[0].objects.create(owner=owner, byte_size=1, width=8, height=8)
    model = models[1].objects.create(slug="blood", title="Blood", version=1, metadata={})
    said = {(True, 1): "accepted", (True, 2): "undecided", (False, 1): "unlike", (None, 0): ""}
    keys = {
        before.get_model("classifier", "Prediction")
        .objects.create(
            owner=owner,
            image=image,
            trained_model=model,
            status="SUCCESS",
            predicted_label="neutrophil",
            confidence=0.9,
            probabilities=[["neutrophil", 0.9]],
            in_distribution=known,
            prediction_set=["neutrophil"] * number or None,
            model_version=1,
            finished_at=timezone.now(),
        )
        .pk: certainty
        for (known, number), certainty in said.items()
    }
    kept = migrate("0013_unusual").get_model("classifier", "Prediction").objects
    assert dict(kept.values_list("pk", "certainty")) == keys
    assert not kept.filter(is_unusual=True).exists()
