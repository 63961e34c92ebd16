"""What the report of a batch says."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max
from django.utils import timezone

from classifier.models import Batch, Prediction, Review, ReviewState, Status, TrainedModel
from classifier.web.model_cards import view_of


@dataclass(frozen=True)
class ReportGroup:
    """The results of one group: what people said, else what the model said."""

    name: str
    reviewed: int
    predictions: list[Prediction]


def build_report(batch: Batch) -> dict[str, Any]:
    """The context of the page; a fixed number of queries."""
    kept = batch.predictions.kept()
    rows = list(
        kept.filter(status=Status.SUCCESS)
        .select_related("image")
        .defer("probabilities", "labels")
        .order_by("gallery_group", "created_at", "pk")
    )
    models = TrainedModel.objects.filter(pk__in=kept.order_by().values("trained_model"))
    versions: dict[int, set[int]] = {}
    for row in rows:
        versions.setdefault(row.trained_model_id, set()).add(row.model_version or 0)
    return {
        "batch": batch,
        "groups": _groups(rows),
        "total": len(rows),
        "reviews": Counter(row.review_state for row in rows),
        "progress": Prediction.objects.progress([batch])[batch.pk],
        "models": [(model, view_of(model), sorted(versions.get(model.pk, ()))) for model in models],
        "readers": Review.objects.filter(prediction__in=kept.order_by(), assignment=None)
        .values("reader__username")
        .annotate(images=Count("prediction", distinct=True), last=Max("created_at"))
        .order_by("reader__username"),
        "sign_offs": batch.sign_offs.select_related("person"),
        "made_at": timezone.now(),
    }


def _groups(rows: list[Prediction]) -> list[ReportGroup]:
    found: dict[str, list[Prediction]] = {}
    for row in rows:
        found.setdefault(row.gallery_group, []).append(row)
    ordered = sorted(found.items(), key=lambda group: (-len(group[1]), group[0]))
    return [
        ReportGroup(name, sum(row.review_state != ReviewState.UNREVIEWED for row in inside), inside)
        for name, inside in ordered
    ]
