"""What models did here, beside what was measured of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Sum

from classifier.models import Prediction, ReviewState, Status, TrainedModel
from classifier.services.desk.overview import FLAGGED, Latency, Share, latency_by_model
from classifier.services.desk.periods import Period
from classifier.statistics.drift import Drift, drift


@dataclass
class Answers:
    """What one version of a model answered in a period."""

    by_label: Counter[str] = field(default_factory=Counter)
    by_certainty: Counter[str] = field(default_factory=Counter)
    by_review: Counter[str] = field(default_factory=Counter)
    confidence_sum: float = 0.0

    @property
    def number(self) -> int:
        return self.by_label.total()

    @property
    def mean_confidence(self) -> float | None:
        return self.confidence_sum / self.number if self.number else None

    @property
    def flagged(self) -> Share:
        """Of answers with limits."""
        known = sum(number for key, number in self.by_certainty.items() if key)
        return Share(sum(self.by_certainty[each] for each in FLAGGED), known)

    @property
    def agreement(self) -> Share:
        """Answers that readers confirmed, of those that they confirmed or corrected."""
        confirmed = self.by_review[ReviewState.CONFIRMED]
        return Share(confirmed, confirmed + self.by_review[ReviewState.CORRECTED])

    def share_of(self, label: str) -> Share:
        return Share(self.by_label[label], self.number)

    def add(self, row: dict[str, Any]) -> None:
        number = row["number"]
        self.by_label[row["predicted_label"]] += number
        self.by_certainty[row["certainty"]] += number
        self.by_review[row["review_state"]] += number
        self.confidence_sum += row["confidences"]

    def drift_from_test(self, model: TrainedModel) -> Drift | None:
        """Whether other classes are answered than on the test images; None where too few are."""
        evaluation = model.measured
        if evaluation is None:
            return None
        then = [sum(column) for column in zip(*evaluation.confusion_matrix, strict=True)]
        return drift([self.by_label[label] for label in evaluation.labels], then)


@dataclass(frozen=True)
class LiveRecord:
    """What a model did in a period, each of its versions apart."""

    model: TrainedModel
    by_version: dict[int, Answers]
    failed: int
    latency: Latency

    @property
    def now(self) -> Answers:
        """Of the version that is installed."""
        return self.by_version.get(self.model.version, Answers())


def live_records(models: Iterable[TrainedModel], period: Period) -> list[LiveRecord]:
    """In three queries, however many models and predictions there are."""
    rows = list(models)
    sent = Prediction.objects.kept().filter(created_at__gte=period.since(), trained_model__in=rows)
    answers: dict[int, dict[int, Answers]] = defaultdict(lambda: defaultdict(Answers))
    groups = ("trained_model", "model_version", "predicted_label", "certainty", "review_state")
    counted = sent.filter(status=Status.SUCCESS).order_by().values(*groups)
    # Count("pk") would read what is not in the index prediction_record.
    for row in counted.annotate(number=Count("*"), confidences=Sum("confidence")):
        answers[row["trained_model"]][row["model_version"]].add(row)
    failures = sent.filter(status=Status.FAILURE).order_by().values_list("trained_model")
    failed = dict(failures.annotate(number=Count("pk")))
    number = sum(each.number for versions in answers.values() for each in versions.values())
    latencies = latency_by_model(sent, number + sum(failed.values()))
    nothing = Latency(None, None, 0)
    return [
        LiveRecord(
            model,
            dict(answers[model.pk]),
            failed.get(model.pk, 0),
            latencies.get(model.pk, nothing),
        )
        for model in rows
    ]
