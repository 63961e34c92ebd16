"""What was measured of prediction sets, refused images and calibration, for card and page."""

from dataclasses import dataclass

from classifier.bundles.schema import Calibration, Corruption, Graded, MeasuredLimits
from classifier.cards.numbers import Metric
from classifier.datasets import datasets


@dataclass(frozen=True)
class NamedMetric:
    """A metric of a class, or of a kind of images."""

    name: str
    metric: Metric


@dataclass(frozen=True)
class Damaged:
    """What a model makes of its test images after damage of one kind."""

    name: str
    accuracy: Metric
    acceptance: Metric
    accepted_accuracy: Metric
    errors_flagged: Metric

    @property
    def metrics(self) -> list[Metric]:
        """All of them, in the order of the tables' columns."""
        return [self.accuracy, self.acceptance, self.accepted_accuracy, self.errors_flagged]

    @classmethod
    def by(cls, corruption: Corruption) -> "Damaged":
        """The view of a row of evaluation.json."""
        return cls(
            name=corruption.corruption,
            accuracy=Metric.of(corruption.accuracy),
            acceptance=Metric.of(corruption.acceptance),
            accepted_accuracy=Metric.of(corruption.accepted_accuracy),
            errors_flagged=Metric.of(corruption.errors_flagged),
        )


@dataclass(frozen=True)
class GradedView:
    """How images of one kind spread over the three steps, and what is flagged of them."""

    name: str
    metrics: list[Metric]
    aurc: float

    @classmethod
    def by(cls, row: Graded) -> "GradedView":
        """The view of a row of evaluation.json; the metrics in the order of the tables' columns."""
        measured = (
            row.accuracy, row.accepted, row.unusual, row.unlike, row.right_flagged,
            row.errors_flagged,
        )  # fmt: skip
        name = "its own test images" if row.images == "test" else row.images
        return cls(name, [Metric.of(each) for each in measured], row.aurc)


@dataclass(frozen=True)
class LimitsView:
    """How well a model knows what it does not know.

    `classes` are in index order, `refused` are images of other kinds. `hardest` is the class that
    is least often in its prediction set; None where no test image has a class.
    """

    coverage: Metric
    mean_set_size: Metric
    single: Metric
    acceptance: Metric
    flagged: Metric
    errors_flagged: Metric
    classes: list[NamedMetric]
    hardest: NamedMetric | None
    refused: list[NamedMetric]
    damaged: list[Damaged]
    graded: list[GradedView]
    calibration: Calibration


def limits_view(measured: MeasuredLimits) -> LimitsView:
    """The view of the section `uncertainty` of an evaluation."""
    classes = [NamedMetric(row.label, Metric.of(row)) for row in measured.per_class]
    known = [(row.metric.value, row) for row in classes if row.metric.value is not None]
    return LimitsView(
        coverage=Metric.of(measured.coverage),
        mean_set_size=Metric(measured.set_size.mean, n=measured.set_size.n),
        single=Metric.of(measured.set_size.single),
        acceptance=Metric.of(measured.acceptance),
        flagged=Metric.of(measured.flagged),
        errors_flagged=Metric.of(measured.errors_flagged),
        classes=classes,
        hardest=min(known, key=lambda pair: pair[0])[1] if known else None,
        refused=[
            NamedMetric(images_title(row.images), Metric.of(row)) for row in measured.rejection
        ],
        damaged=[Damaged.by(row) for row in measured.corruptions],
        graded=[GradedView.by(row) for row in measured.graded],
        calibration=measured.calibration,
    )


def images_title(name: str) -> str:
    """What evaluation.json calls images of another kind: those of a dataset, or else drawings."""
    dataset = datasets().get(name)
    return f"{dataset.title}, test images" if dataset else f"{name}, drawn"
