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
