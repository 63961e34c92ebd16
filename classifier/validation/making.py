"""The report of a model on a labelled set, from its answers and what its bundle says of it."""

from datetime import UTC, datetime

from classifier.bundles.schema import Evaluation, MeasuredProportion, Metadata
from classifier.datasets import datasets
from classifier.errors import PlainError
from classifier.validation.figures import Answered, figures
from classifier.validation.report import (
    Estimate,
    HomeFigures,
    ValidatedModel,
    ValidatedSet,
    ValidationReport,
)


class NothingToMeasure(PlainError):
    """No image is of a class that the model knows."""


def make_report(
    metadata: Metadata,
    evaluation: Evaluation | None,
    labelled_set: ValidatedSet,
    answered: Answered,
    *,
    seconds: float,
) -> ValidationReport:
    """Measure everything. Raises NothingToMeasure."""
    if not (answered.labels >= 0).any():
        known = ", ".join(metadata.classes)
        raise NothingToMeasure(
            f"None of the images is of a class that this model knows ({known}). "
            "Match the class names of the set to these, or choose another model."
        )
    point = evaluation.operating_point if evaluation else None
    return ValidationReport(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        model=ValidatedModel(
            slug=metadata.slug,
            title=metadata.title,
            version=metadata.version,
            weights_sha256=metadata.weights.sha256,
            dataset=metadata.dataset,
        ),
        labelled_set=labelled_set,
        figures=figures(
            answered,
            metadata.classes,
            limits=metadata.uncertainty,
            positive=datasets()[metadata.dataset].positive_class,
            home_thresholds={point.positive: point.threshold} if point else {},
        ),
        home=home_figures(metadata, evaluation) if evaluation else None,
    )


def home_figures(metadata: Metadata, evaluation: Evaluation) -> HomeFigures:
    """What the model's card says of its own test images."""
    intervals, n, limits = evaluation.intervals, evaluation.n, evaluation.uncertainty
    dataset = datasets()[metadata.dataset]
    return HomeFigures(
        images=dataset.data_name(is_medmnist_file=evaluation.data.is_medmnist_file),
        n=n,
        accuracy=Estimate(value=evaluation.accuracy, interval=intervals.accuracy, n=n),
        balanced_accuracy=Estimate(
            value=evaluation.balanced_accuracy, interval=intervals.balanced_accuracy, n=n
        ),
        auc=Estimate(value=evaluation.auc, interval=intervals.auc, n=n),
        ece=evaluation.ece,
        recalls={
            row.label: Estimate(
                value=row.recall,
                interval=row.intervals.recall if row.intervals else None,
                n=row.support,
            )
            for row in evaluation.per_class
        },
        coverage=_of(limits.coverage) if limits else None,
        accepted=_of(limits.acceptance) if limits else None,
        flagged=_of(limits.flagged) if limits else None,
    )


def _of(found: MeasuredProportion) -> Estimate:
    return Estimate(value=found.share, interval=found.interval, n=found.n)
