"""What a bundle's files say, as types: whoever holds one of these objects holds sound values.

The names are those of the JSON files. What a file says besides is kept, so that it is written again
as it was read. Proportions lie in 0–1; intervals are 95 % intervals, the lower end first.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from classifier.datasets import datasets

SCHEMA_VERSION: Final = 1
# The `source` of a network that was trained elsewhere.
FROM_A_FILE: Final = "added"
# What the columns of TrainedModel hold.
LONGEST_SLUG, LONGEST_TITLE, LONGEST_ARCHITECTURE = 80, 120, 80
LARGEST_VERSION: Final = 2**31 - 1


def problem(sentence: str, **values: Any) -> PydanticCustomError:
    """What a validator raises, as the whole of what there is to say."""
    return PydanticCustomError("problem", sentence, values)


def _given(value: object) -> object:
    if value is None:
        raise problem("is null")
    return value


def number(value: object) -> int | float:
    """A finite number as it is; a bool is none. Raises PydanticCustomError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise problem("is not a number")
    return value


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise problem("has its higher end first")
    return ends


Item = TypeVar("Item")
# JSON has lists; what was read is not to be changed.
Many = Annotated[tuple[Item, ...], Field(strict=False)]
# A file may leave it out, but says no null.
May = Annotated[Item | None, BeforeValidator(_given)]
# A whole number stays one when it is written again.
Number = Annotated[int | float, PlainValidator(number)]
Count = Annotated[int, Field(ge=0)]
Proportion = Annotated[float, Field(ge=0, le=1)]
Interval = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ascending)]
Name = StringConstraints(min_length=1, pattern=r"\S")


class Section(BaseModel):
    """A part of a file."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", allow_inf_nan=False, protected_namespaces=()
    )

    def as_json(self) -> dict[str, Any]:
        """The values as the file has them, in the same order, without what it leaves out."""
        return self.model_dump(mode="json", exclude_unset=True)


# metadata.json ------------------------------------------------------------------------------------


class Input(Section):
    """The images that a network takes: side of the square in pixels; 1 channel grey, 3 RGB.

    `cell_share` is the side of what it sees of the square around a cell, as a share of that.
    """

    size: Annotated[int, Field(ge=1, le=1024)]
    channels: Literal[1, 3]
    cell_share: Annotated[float, Field(gt=0, le=1)] = 1.0


class NamedFile(Section):
    """A file in the bundle's folder, and its SHA-256 in hexadecimal digits."""

    file: str
    sha256: str


class Weights(NamedFile):
    """The weights file; `versions` keeps the checksum of each version's weights.

    Weights replaced by hand under their old version are found out by it. A bundle without it says
    nothing about its past.
    """

    versions: May[dict[str, str]] = None


class HeldOutCalibration(Section):
    """Calibration on the images that the temperature was fitted on, which flatters a little."""

    ece: float
    ece_before: float
    log_loss: float
    log_loss_before: float


class FittedOn(Section):
    """Numbers of images behind the reference, the limit of distances, and the thresholds."""

    reference: Count
    distances: Count
    scores: Count


class LimitsDescription(NamedFile):
    """What uncertainty.npz was fitted for: see `classifier.networks.limits`."""

    temperature: float
    held_out: May[HeldOutCalibration] = None
    method: str = ""
    layers: Many[str]
    coverage: Annotated[float, Field(gt=0, lt=1)]
    class_conditional: bool = False
    acceptance: float
    n: May[FittedOn] = None


class DataFile(Section):
    """Where images come from; `is_medmnist_file` for MedMNIST's own file, and so its own split."""

    file: str
    sha256: str
    is_medmnist_file: bool = False


class TrainingData(DataFile):
    """The same, with the numbers of images that a training saw."""

    train: Count
    validation: Count


class AccuracyInterval(Section):
    """The interval of an accuracy."""

    accuracy: Interval


class ValidationMetrics(Section):
    """How good a network was on the images that helped to choose it."""

    n: Count
    accuracy: Proportion
    balanced_accuracy: Proportion
    auc: float
    intervals: AccuracyInterval


class Training(Section):
    """What is known of a training: little of a model from elsewhere, else its whole recipe."""

    source: str = ""
    epochs: May[int] = None
    network: May[dict[str, Any]] = None
    augmentation: May[dict[str, Any]] = None
    optimizer: May[str] = None
    learning_rate: May[Number] = None
    fine_tuning_learning_rate: May[Number] = None
    fine_tuning_warmup_epochs: May[Number] = None
    fine_tuning_weight_averaging: May[Number] = None
    weight_decay: May[Number] = None
    warmup_epochs: May[Number] = None
    batch_size: May[int] = None
    label_smoothing: May[Number] = None
    weight_averaging: May[Number] = None
    class_weights: May[str] = None
    selection: May[str] = None
    fine_tuning_epochs: Count = 0
    fine_tuning: dict[str, Any] = {}
    views: int = 1
    view_scales: Many[Number] = (1.0,)
    members: int = 1
    heterogeneous_members: Many[dict[str, Any]] = ()
    uncertainty: dict[str, Any] | None = None
    half_precision: bool = False
    mixed_precision: bool = False
    starts_from: str = ""
    seed: May[int] = None
    differs_from_report: Many[str] = ()
    selected_epoch: May[Count] = None
    minutes: May[Number] = None
    data: May[TrainingData] = None
    validation: May[ValidationMetrics] = None
    software: May[dict[str, str]] = None

    @property
    def is_unknown(self) -> bool:
        """Whether the network came as a file, so that its training images are not known."""
        return self.source == FROM_A_FILE


class Reported(Section):
    """Figures of the original report, the student report whose six models this project rebuilt.

    Precision, recall and F1 are averages over the classes, weighted by their numbers of images.
    """

    accuracy: float
    precision: May[float] = None
    recall: May[float] = None
    f1: May[float] = None


class AdaptedFrom(Section):
    """The model that an adapted one was fitted from: its slug, its version and their checksum."""

    slug: str
    version: Count
    weights_sha256: str


class Metadata(Section):
    """metadata.json: what a model is."""

    schema_version: Literal[1]
    slug: Annotated[str, StringConstraints(max_length=LONGEST_SLUG, pattern=r"\A[-a-zA-Z0-9_]+\z")]
    title: Annotated[str, Name, StringConstraints(max_length=LONGEST_TITLE)]
    summary: str = ""
    dataset: str
    architecture: Annotated[str, Name, StringConstraints(max_length=LONGEST_ARCHITECTURE)]
    classes: Many[str]
    input: Input
    parameters: int
    recommended: bool = False
    training: Training
    reported: Reported | None
    intended_use: str
    limitations: Many[str]
    version: Annotated[int, Field(ge=1, le=LARGEST_VERSION)]
    weights: Weights
    uncertainty: May[LimitsDescription] = None
    adapted_from: May[AdaptedFrom] = None

    @field_validator("dataset")
    @classmethod
    def dataset_is_known(cls, slug: str) -> str:
        """There is a file in `classifier.datasets` for it."""
        if slug not in datasets():
            raise problem("The dataset {slug} is not known", slug=repr(slug))
        return slug

    @model_validator(mode="after")
    def classes_are_those_of_the_dataset(self) -> Self:
        """In the dataset's order, which is that of the network's outputs."""
        if self.classes != datasets()[self.dataset].labels:
            title = datasets()[self.dataset].title
            raise problem("The classes are not those of {title}, or not in its order", title=title)
        return self

    @model_validator(mode="after")
    def version_was_raised_with_the_weights(self) -> Self:
        """The weights are those on record for their version."""
        checksums = self.weights.versions
        if checksums is not None and checksums.get(str(self.version)) != self.weights.sha256:
            raise problem(
                "weights.versions in metadata.json does not give these weights as version "
                "{version}: raise the version with every change of the weights, and add its "
                "checksum",
                version=self.version,
            )
        return self


# evaluation.json ----------------------------------------------------------------------------------


class RateIntervals(Section):
    """Intervals of two rates of a class."""

    recall: Interval
    specificity: Interval


class Averages(Section):
    """Averages over the classes."""

    precision: float
    recall: float
    f1: float
    specificity: May[float] = None
    support: Count


class ClassMetrics(Section):
    """A class against the rest; `support` is the number of its images."""

    label: str
    precision: float
    recall: float
    f1: float
    specificity: float
    support: Count
    intervals: May[RateIntervals] = None


class AverageIntervals(Section):
    """Intervals of averages weighted by the classes' numbers of images."""

    precision: Interval
    recall: Interval
    f1: Interval


class Intervals(Section):
    """Intervals of the figures of the same names; those with a default came with later releases.

    `ece_by_chance` is where 95 % of the calibration errors of a perfectly calibrated model lie.
    """

    accuracy: Interval
    auc: Interval
    balanced_accuracy: May[Interval] = None
    brier: May[Interval] = None
    ece_by_chance: May[Interval] = None
    weighted_avg: May[AverageIntervals] = None


class ReliabilityBin(Section):
    """Images of similar confidence: its mean, their accuracy and their number."""

    confidence: Proportion
    accuracy: Proportion
    count: Count


# Those of a curve between 0 and 1.
Points = Annotated[
    tuple[Annotated[tuple[Proportion, Proportion], Field(strict=False)], ...],
    Field(strict=False, min_length=1),
]


class RocCurve(Section):
    """Points (false positive rate, true positive rate) of a class against the rest."""

    label: str
    auc: Proportion
    points: Points


class OperatingIntervals(Section):
    """Intervals of sensitivity and specificity."""

    sensitivity: Interval
    specificity: Interval


class ChosenOn(Section):
    """What a threshold gave on the images that it was chosen on."""

    n: Count
    sensitivity: Proportion
    specificity: Proportion


class OperatingPoint(Section):
    """Sensitivity and specificity for a class at a threshold fixed on other images."""

    positive: str
    target_sensitivity: Proportion
    threshold: Proportion
    validation: ChosenOn
    sensitivity: Proportion
    specificity: Proportion
    intervals: OperatingIntervals
    n_positive: Count
    n_negative: Count


class MeasuredProportion(Section):
    """A proportion of n images with its interval; null both where n is 0."""

    share: Proportion | None
    n: Count
    interval: Interval | None

    @model_validator(mode="after")
    def is_known_of_some_images(self) -> Self:
        """Of no images there is neither proportion nor interval."""
        if {self.share is None, self.interval is None} != {self.n == 0}:
            raise problem("is not a share with its n and interval")
        return self


class AimedProportion(MeasuredProportion):
    """The same, with the proportion that was aimed at."""

    target: Proportion


class Labelled(Section):
    """Something about a class."""

    label: str


class ClassProportion(MeasuredProportion, Labelled):
    """A proportion of the images of a class."""


class SetSize(Section):
    """Classes in a prediction set: their mean number, and the proportion of sets of one."""

    mean: Annotated[float, Field(ge=0)]
    n: Count
    single: MeasuredProportion


class OtherImages(Section):
    """Something about images of another kind: a dataset's slug, or a name of synthetic ones."""

    images: str


class Rejection(MeasuredProportion, OtherImages):
    """The proportion refused of images of another kind."""


class Corruption(Section):
    """What a model makes of its test images after damage of a kind."""

    corruption: str
    accuracy: MeasuredProportion
    acceptance: MeasuredProportion
    accepted_accuracy: MeasuredProportion
    flagged: MeasuredProportion
    errors_flagged: MeasuredProportion


class Graded(OtherImages):
    """The three steps of the limits on labelled images, and how far confidence tells their errors.

    `images` are "test", damage as in `corruptions`, or a laboratory that helped to choose the
    limits. Flagged is what is unusual, unlike the training data or has several classes in its set.
    `risk_coverage` are points (coverage, risk), `aurc` is the area under their curve.
    """

    accuracy: MeasuredProportion
    accepted: MeasuredProportion
    unusual: MeasuredProportion
    unlike: MeasuredProportion
    right_flagged: MeasuredProportion
    errors_flagged: MeasuredProportion
    aurc: Proportion
    risk_coverage: Points


class CalibrationStage(Section):
    """Calibration before or after the temperature."""

    ece: Proportion
    log_loss: float
    reliability: Many[ReliabilityBin]


class Calibration(Section):
    """What a temperature did on n test images."""

    temperature: float
    n: Count
    before: CalibrationStage
    after: CalibrationStage


class LimitsAtHome(Section):
    """What a model names, refuses and flags of its own test images."""

    coverage: AimedProportion
    per_class: Many[ClassProportion]
    set_size: SetSize
    acceptance: AimedProportion
    flagged: MeasuredProportion
    errors_flagged: MeasuredProportion


class MeasuredLimits(LimitsAtHome):
    """The same, and what it makes of images of other kinds, after damage and of elsewhere."""

    rejection: Many[Rejection]
    corruptions: Many[Corruption]
    graded: Many[Graded] = ()
    calibration: Calibration


class OverFolds(Section):
    """A figure over the folds of a cross-validation."""

    mean: Proportion
    standard_deviation: Proportion
    by_fold: May[Many[float]] = None


class CrossValidation(Section):
    """A recipe's figures on images that its networks did not see, over n images in all."""

    splits: May[Many[str]] = None
    folds: Count
    n: Count
    seed: May[int] = None
    accuracy: OverFolds
    balanced_accuracy: OverFolds
    auc: OverFolds


class ClassCount(Labelled):
    """How many images a class has."""

    n: Count


class AdaptationGain(Section):
    """How often the shipped and the adapted model are right on the same images.

    `interval` is that of the difference, 95 %, in -1 to 1. `reason` says why the adapted model is
    proposed, or why it is not.
    """

    before: MeasuredProportion
    after: MeasuredProportion
    difference: float
    interval: Interval
    proposed: bool
    reason: str


class AtHome(Section):
    """Accuracy on test images of the shipped model's dataset, before and after an adaptation."""

    before: MeasuredProportion
    after: MeasuredProportion


class Adaptation(Section):
    """What an adaptation was made of, and what it changed.

    All figures but those of `at_home` are of the laboratory's own images, each by a fit that never
    saw it nor another one of its group. `at_home` is left out where the dataset is not at hand.
    Of `own_classes` there is no shipped model: what `gain` says of before is always naming the
    commonest.
    """

    images: str
    n: Count
    groups: Count
    classes: Many[ClassCount]
    penalty: float
    start: Proportion
    gain: AdaptationGain
    at_home: May[AtHome] = None
    own_classes: bool = False


ExplanationMethod = Literal["grad-cam", "occlusion"]
# Above it a map hardly depends on what the network has learnt.
MOST_ALIKE: Final = 0.5


class CoveringCheck(Section):
    """How far a class's probability falls, on average over n images.

    When the tenth of an image that a map marks most is covered, and when a tenth of the same shape
    elsewhere is; `difference` is the interval of the first less the second.
    """

    n: Count
    marked: float
    random: float
    difference: Interval


class RandomisationCheck(Section):
    """Rank correlation of maps with those by shuffled weights, the mean over n images."""

    n: Count
    correlation: Annotated[float, Field(ge=-1, le=1)]


class PointingGame(MeasuredProportion):
    """How often a map's highest point lies in a box around what the image shows.

    And how often a random point does, and the middle of the image.
    """

    by_chance: Proportion
    by_centre: Proportion
    data: DataFile


class ExplanationCheck(Section):
    """Whether the maps of a method mark what counts: see `classifier.evaluation.explanations`."""

    method: ExplanationMethod
    covering: CoveringCheck
    randomisation: RandomisationCheck
    pointing: May[PointingGame] = None

    @property
    def title(self) -> str:
        """The method's name."""
        return {"grad-cam": "Grad-CAM", "occlusion": "Occlusion"}[self.method]

    @property
    def passes(self) -> bool:
        """Whether its maps may be shown."""
        return self.covering.difference[0] > 0 and self.randomisation.correlation < MOST_ALIKE


class Evaluation(Section):
    """evaluation.json: what was measured of a model. `confusion_matrix` has true classes in rows.

    `without_twins` is the accuracy on test images of which training and validation have no
    near-duplicate; it is left out where none has any. Validated with a model's Metadata as context,
    the evaluation is also checked to be about that model.
    """

    split: str
    n: Annotated[int, Field(ge=1)]
    accuracy: float
    auc: float
    balanced_accuracy: float
    per_class: Many[ClassMetrics]
    macro_avg: Averages
    weighted_avg: Averages
    confusion_matrix: Many[Many[Count]]
    ece: float
    brier: float
    log_loss: May[float] = None
    intervals: Intervals
    reliability: Many[ReliabilityBin] = ()
    roc: Many[RocCurve] = ()
    operating_point: May[OperatingPoint] = None
    without_twins: May[MeasuredProportion] = None
    uncertainty: May[MeasuredLimits] = None
    weights_sha256: str
    data: DataFile
    cross_validation: May[CrossValidation] = None
    adaptation: May[Adaptation] = None
    explanations: Many[ExplanationCheck] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in index order."""
        return tuple(row.label for row in self.per_class)

    @property
    def images_noun(self) -> str:
        """What its images are called: those of an adaptation are no split of a dataset."""
        return "own images" if self.adaptation else "test images"

    @model_validator(mode="after")
    def is_about_the_model(self, info: ValidationInfo) -> Self:
        """The classes are the model's, and the weights those that it has now."""
        metadata = info.context
        if not isinstance(metadata, Metadata):
            return self
        if self.labels != metadata.classes:
            raise problem("The class labels in evaluation.json are not the model's")
        if self.weights_sha256 != metadata.weights.sha256:
            raise problem("evaluation.json is about other weights; run evaluate_model again")
        return self

    @field_validator("explanations")
    @classmethod
    def each_method_is_checked_once(
        cls, checks: tuple[ExplanationCheck, ...]
    ) -> tuple[ExplanationCheck, ...]:
        """So that there is one answer to whether a method's maps may be shown."""
        methods = [check.method for check in checks]
        if len(set(methods)) < len(methods):
            raise problem("names a method twice")
        return checks

    @model_validator(mode="after")
    def matrix_is_square(self) -> Self:
        """As many rows and columns as there are classes."""
        width = len(self.per_class)
        if [len(row) for row in self.confusion_matrix] != [width] * width:
            raise problem(
                "confusion_matrix in evaluation.json is not {width} by {width}", width=width
            )
        return self

    @model_validator(mode="after")
    def parts_name_the_same_classes(self) -> Self:
        """Curves, operating point and coverage are about the classes of `per_class`."""
        for curve in self.roc:
            _check_label("roc", curve.label, self.labels)
        if self.operating_point:
            _check_label("operating_point", self.operating_point.positive, self.labels)
        covered = self.uncertainty.per_class if self.uncertainty else None
        if covered is not None and tuple(row.label for row in covered) != self.labels:
            raise problem("uncertainty.per_class in evaluation.json is not about the classes")
        return self


def _check_label(part: str, label: str, labels: Sequence[str]) -> None:
    if label not in labels:
        raise problem("{part} in evaluation.json names no class", part=part)


# history.csv --------------------------------------------------------------------------------------


class EpochRecord(BaseModel):
    """A line of history.csv: an epoch, counted from 1, and what was measured at its end.

    Of a training that diverged a value may be infinite or no number.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)

    epoch: Annotated[int, Field(ge=1)]
    learning_rate: float = math.nan
    loss: float = math.nan
    accuracy: float = math.nan
    val_loss: float = math.nan
    val_accuracy: float = math.nan
    val_balanced_accuracy: float = math.nan
    val_auc: float = math.nan
    seconds: float = math.nan
