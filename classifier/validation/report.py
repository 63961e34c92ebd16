"""What a validation comes to, as a type: the JSON to keep, and what its pages show.

Needs neither TensorFlow nor scikit-learn, so that pages can read what a worker wrote.
"""

from typing import Final

from classifier.bundles.schema import (
    Count,
    Interval,
    Labelled,
    Many,
    Proportion,
    ReliabilityBin,
    RocCurve,
    Section,
)
from classifier.notice import NOTICE

SCHEMA_VERSION: Final = 1


class Estimate(Section):
    """A value with its 95 % interval, of `n` images; null and 0–1 where there are none.

    `effective_n` is how many independent images would say as much: fewer where several are of one
    patient or near-duplicates.
    """

    value: float | None
    interval: Interval | None
    n: Count
    effective_n: float | None = None


class ValidatedModel(Section):
    """Which model it was."""

    slug: str
    title: str
    version: int
    weights_sha256: str
    dataset: str


class ValidatedSet(Section):
    """What it was validated on.

    Attributes:
        n: all images, those of classes that the model does not know as well.
        groups: named patients, slides or cases; 0 where none were named.
        ungrouped: images without a group.
        clusters: what the intervals take for independent: groups joined with near-duplicates.
        near_duplicates: images that look like another one of the set.
    """

    name: str
    n: Count
    groups: Count
    ungrouped: Count
    clusters: Count
    near_duplicates: Count
    unreadable: Count


class ClassFigures(Labelled):
    """Figures of one class against the others; `predicted` counts the images called so."""

    recall: Estimate
    precision: Estimate
    specificity: Estimate
    f1: Estimate
    auc: Estimate
    coverage: Estimate | None
    predicted: Count


class OwnClass(Labelled):
    """Images of a class that the model does not know, which it should refuse."""

    n: Count
    refused: Estimate | None


class Sets(Section):
    """Prediction sets and refusals; `coverage_aim` and `acceptance_aim` are what they promise."""

    coverage: Estimate
    coverage_aim: Proportion
    size: Estimate
    single: Estimate
    accepted: Estimate
    acceptance_aim: Proportion
    accepted_accuracy: Estimate
    flagged: Estimate
    errors_flagged: Estimate


class RiskPoint(Section):
    """The share of errors among the most confident part `kept` of the images."""

    kept: Proportion
    confidence: Proportion
    risk: Estimate


class OperatingRow(Section):
    """Calling a class by its probability reaching a threshold."""

    threshold: Proportion
    sensitivity: Estimate
    specificity: Estimate
    precision: Estimate


class OperatingCurve(Labelled):
    """One class at each threshold, the lowest first; `home_threshold` is that of its card."""

    rows: Many[OperatingRow]
    home_threshold: Proportion | None = None


class Calibrated(Section):
    """How far confidence can be believed.

    Attributes:
        ece: expected calibration error; `by_chance` is where that of a perfect model would lie.
        overconfidence: mean confidence minus accuracy.
        bins_accuracy: accuracy in each of the bins of `reliability`.
    """

    ece: float
    by_chance: Interval
    overconfidence: Estimate
    brier: Estimate
    reliability: Many[ReliabilityBin]
    bins_accuracy: Many[Estimate]


class ClassNeed(Labelled):
    """How many more images of a class an interval needs."""

    more: Count


class Need(Section):
    """What makes the interval of a figure as narrow as ± `half_width`; `more` images in all."""

    half_width: float
    more: Count
    classes: Many[ClassNeed]


class Enough(Labelled):
    """Whether there are enough images for a figure; `label` names it."""

    now: float | None
    needs: Many[Need]


class HomeFigures(Section):
    """What was measured of the model on its own test images."""

    images: str
    n: Count
    accuracy: Estimate
    balanced_accuracy: Estimate
    auc: Estimate
    ece: float
    recalls: dict[str, Estimate]
    coverage: Estimate | None = None
    accepted: Estimate | None = None
    flagged: Estimate | None = None


class Figures(Section):
    """All that was measured; `n` images of classes that the model knows."""

    n: Count
    clusters: Count
    labels: Many[str]
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    auc: Estimate
    per_class: Many[ClassFigures]
    confusion_matrix: Many[Many[Count]]
    calibration: Calibrated
    sets: Sets | None
    risk_coverage: Many[RiskPoint]
    operating: Many[OperatingCurve]
    roc: Many[RocCurve]
    own_classes: Many[OwnClass]
    enough: Many[Enough]

    @property
    def present(self) -> list[ClassFigures]:
        """The classes of which there are images."""
        return [each for each in self.per_class if each.recall.n]


class ValidationReport(Section):
    """One model on one labelled set."""

    schema_version: int = SCHEMA_VERSION
    notice: str = NOTICE
    made_at: str
    seconds: float
    model: ValidatedModel
    labelled_set: ValidatedSet
    figures: Figures
    home: HomeFigures | None
