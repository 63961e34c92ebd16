"""What there is to say of a model: one view for its card and for the pages.

A view holds the bundle's own objects for what is said as it stands, and adds what has to be put
together: metrics with their intervals, and rows of tables.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from classifier.bundles.schema import (
    Averages,
    ClassMetrics,
    Evaluation,
    Metadata,
    OperatingPoint,
    RateIntervals,
)
from classifier.cards.adaptation import AdaptationView
from classifier.cards.confusion import ConfusionRow, confusion_rows
from classifier.cards.limits import LimitsView, limits_view
from classifier.cards.numbers import Metric
from classifier.cards.training import TrainingView
from classifier.datasets import Dataset, datasets

# What the original report has, with the names of its metrics; the latter three are weighted.
REPORTED: Final = {
    "accuracy": "accuracy",
    "precision": "precision, weighted",
    "recall": "recall, weighted",
    "f1": "F1, weighted",
}


@dataclass(frozen=True)
class Compared:
    """A metric of the original report beside the measured one; either may be unknown."""

    name: str
    reported: float | None
    measured: Metric | None


@dataclass(frozen=True)
class ReportRow:
    """A line of a classification report: a class, or an average over them."""

    label: str
    gloss: str
    precision: Metric
    recall: Metric
    f1: Metric
    specificity: Metric | None
    support: int


@dataclass(frozen=True)
class Rates:
    """Sensitivity and specificity for a class, by one way of deciding."""

    sensitivity: Metric
    specificity: Metric


@dataclass(frozen=True)
class OperatingView:
    """A threshold, its rates on test images, and on the images that it was chosen on.

    `by_larger` are the rates on test images where not the threshold decides, but the larger
    probability.
    """

    point: OperatingPoint
    test: Rates
    chosen: Rates
    by_larger: Rates

    @property
    def n(self) -> int:
        """The number of test images."""
        return self.point.n_positive + self.point.n_negative


@dataclass(frozen=True)
class Measured:
    """What was measured of a model on test images."""

    evaluation: Evaluation
    dataset: Dataset

    @property
    def data_name(self) -> str:
        """Names the test images and their split, which goes with each metric."""
        if adaptation := self.evaluation.adaptation:
            return f"“{adaptation.images}”, by cross-validation"
        return self.dataset.data_name(is_medmnist_file=self.evaluation.data.is_medmnist_file)

    @property
    def accuracy(self) -> Metric:
        """Over all test images."""
        return Metric(self.evaluation.accuracy, self.evaluation.intervals.accuracy)

    @property
    def auc(self) -> Metric:
        """As MedMNIST defines it."""
        return Metric(self.evaluation.auc, self.evaluation.intervals.auc)

    @property
    def balanced_accuracy(self) -> Metric:
        """The mean of the classes' recalls."""
        evaluation = self.evaluation
        return Metric(evaluation.balanced_accuracy, evaluation.intervals.balanced_accuracy)

    @property
    def without_twins(self) -> Metric | None:
        """Accuracy on test images that have no near-duplicate in training or validation."""
        found = self.evaluation.without_twins
        return Metric.of(found) if found else None

    @property
    def twins(self) -> int:
        """The number of test images with such a near-duplicate."""
        without = self.without_twins
        return self.evaluation.n - without.n if without else 0

    @property
    def brier(self) -> Metric:
        """The Brier score."""
        return Metric(self.evaluation.brier, self.evaluation.intervals.brier)

    @property
    def calibration_error(self) -> Metric:
        """The expected calibration error, which has no interval of its own."""
        return Metric(self.evaluation.ece)

    @property
    def calibration_error_by_chance(self) -> Metric | None:
        """The interval in which that of a perfectly calibrated model lies."""
        interval = self.evaluation.intervals.ece_by_chance
        return Metric(None, interval) if interval else None

    @property
    def positive(self) -> str:
        """The class whose recall is the sensitivity; empty where no class is special."""
        return self.dataset.positive_class or ""

    @property
    def rates(self) -> Rates | None:
        """Those for `positive` where the largest probability decides, as it does in each result."""
        return self.rates_for(self.positive) if self.positive in self.evaluation.labels else None

    @property
    def operating(self) -> OperatingView | None:
        """The threshold chosen for the positive class; None where none was."""
        point = self.evaluation.operating_point
        if point is None:
            return None
        chosen, intervals = point.validation, point.intervals
        return OperatingView(
            point=point,
            test=Rates(
                Metric(point.sensitivity, intervals.sensitivity, point.n_positive),
                Metric(point.specificity, intervals.specificity, point.n_negative),
            ),
            chosen=Rates(Metric(chosen.sensitivity), Metric(chosen.specificity)),
            by_larger=self.rates_for(point.positive),
        )

    @cached_property
    def classes(self) -> list[ReportRow]:
        """A row per class, in index order."""
        glosses = {each.label: each.gloss for each in self.dataset.classes}
        return [
            _report_row(row.label, row, row.intervals, glosses.get(row.label, ""))
            for row in self.evaluation.per_class
        ]

    @property
    def averages(self) -> list[ReportRow]:
        """The averages over the classes that scikit-learn's report has."""
        return [
            _report_row("macro avg", self.evaluation.macro_avg),
            _report_row("weighted avg", self.evaluation.weighted_avg),
        ]

    @property
    def confusion(self) -> list[ConfusionRow]:
        """A row per true class."""
        return confusion_rows(self.evaluation)

    @cached_property
    def limits(self) -> LimitsView | None:
        """None where none were measured."""
        return limits_view(self.evaluation.uncertainty) if self.evaluation.uncertainty else None

    def rates_for(self, label: str) -> Rates:
        """Recall and specificity of a class, one of the evaluation's."""
        row = next(row for row in self.evaluation.per_class if row.label == label)
        intervals = row.intervals
        return Rates(
            Metric(row.recall, intervals.recall if intervals else None),
            Metric(row.specificity, intervals.specificity if intervals else None),
        )

    def metric(self, name: str) -> Metric:
        """The metric that the report calls so, weighted by the classes' numbers of images."""
        if name == "accuracy":
            return self.accuracy
        intervals = self.evaluation.intervals.weighted_avg
        interval = getattr(intervals, name) if intervals else None
        return Metric(getattr(self.evaluation.weighted_avg, name), interval)


def _report_row(
    label: str,
    row: ClassMetrics | Averages,
    intervals: RateIntervals | None = None,
    gloss: str = "",
) -> ReportRow:
    return ReportRow(
        label=label,
        gloss=gloss,
        precision=Metric(row.precision),
        recall=Metric(row.recall, intervals.recall if intervals else None),
        f1=Metric(row.f1),
        specificity=None
        if row.specificity is None
        else Metric(row.specificity, intervals.specificity if intervals else None),
        support=row.support,
    )


@dataclass(frozen=True)
class ModelView:
    """A model: what it is, and what was measured of it, if anything."""

    metadata: Metadata
    evaluation: Evaluation | None

    @property
    def dataset(self) -> Dataset:
        """The dataset whose classes it knows."""
        return datasets()[self.metadata.dataset]

    @property
    def architecture(self) -> str:
        """The name of its builder as words."""
        return self.metadata.architecture.replace("_", " ")

    @property
    def colours(self) -> str:
        """What the network sees of an image's colours."""
        return "grey" if self.metadata.input.channels == 1 else "RGB"

    @property
    def training(self) -> TrainingView:
        """How it was trained."""
        return TrainingView(self.metadata.training)

    @cached_property
    def measured(self) -> Measured | None:
        """None before the evaluation."""
        return Measured(self.evaluation, self.dataset) if self.evaluation else None

    @cached_property
    def adapted(self) -> AdaptationView | None:
        """None for a model that is as it was shipped."""
        source = self.metadata.adapted_from
        found = self.evaluation.adaptation if self.evaluation else None
        return AdaptationView(source, found, self.dataset) if source and found else None

    @cached_property
    def compared(self) -> list[Compared]:
        """The metrics that the original report has, for every model."""
        return [
            Compared(
                name=title,
                reported=getattr(self.metadata.reported, name, None),
                measured=self.measured.metric(name) if self.measured else None,
            )
            for name, title in REPORTED.items()
        ]
