"""Reporting guidelines, filled in as far as the product knows; what a person has to say is empty.

CLAIM: Tejani et al. 2024, "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024
update". TRIPOD+AI: Collins et al. 2024. Model card: the sections of CHAI's Applied Model Card.
Nothing is said here beyond what was measured.
"""

from dataclasses import dataclass

from classifier.bundles.schema import Metadata
from classifier.cards.numbers import Metric
from classifier.datasets import datasets
from classifier.validation.report import Estimate, ValidationReport


@dataclass(frozen=True)
class ChecklistRow:
    """An item of a guideline; `text` is empty where it is for a person to fill in."""

    item: str
    subject: str
    text: str = ""


def claim_rows(report: ValidationReport, metadata: Metadata) -> list[ChecklistRow]:
    """The items of CLAIM that bear on the validation of a finished model."""
    own, figures = report.labelled_set, report.figures
    size = metadata.input.size
    colours = "grey" if metadata.input.channels == 1 else "RGB"
    known = [
        ("3", "Background, intended use", metadata.intended_use),
        ("4", "Aims and hypotheses", ""),
        ("5", "Prospective or retrospective", ""),
        ("7", "Data sources", f"The labelled set “{own.name}”. Where its images come from:"),
        ("8", "Inclusion and exclusion criteria", ""),
        ("9", "Preprocessing", f"Cropped and resized to {size} pixels a side, {colours}."),
        ("11", "De-identification", "Metadata in the files is dropped when images come in."),
        ("12", "Missing data", f"{own.unreadable} files could not be read and were left out."),
        ("13", "Image acquisition protocol", ""),
        ("14–16", "Reference standard and who annotated", ""),
        ("18", "Inter- and intra-rater variability", ""),
        ("20", "Level at which partitions are disjoint", _disjoint(report)),
        ("21", "Intended sample size", _sample_size(report)),
        ("22", "Model", _model(report, metadata)),
        ("25", "Training", _trained_on(metadata)),
        ("28", "Metrics", "Accuracy, balanced accuracy, per class, AUC, calibration, sets."),
        ("29", "Uncertainty", "95 % intervals: Wilson's for the effective number of independent "
         "clusters (groups joined with near-duplicates), and a bootstrap of whole clusters for "
         "AUC."),
        ("33", "Testing on external data", f"This report: {figures.n:,} images, version "
         f"{report.model.version} of the model unchanged."),
        ("34", "Registration", ""),
        ("35", "Numbers included and excluded", _included(report)),
        ("36", "Demographic and clinical characteristics", ""),
        ("37", "Performance and its uncertainty", _performance(report)),
        ("39", "Failure analysis", "The confusion matrix, with its images, in this report."),
        ("40", "Limitations", " ".join(metadata.limitations)),
        ("43", "Availability of software, model, data", ""),
        ("44", "Funding", ""),
    ]  # fmt: skip
    return [ChecklistRow(f"CLAIM {item}", subject, text) for item, subject, text in known] + [
        ChecklistRow(f"TRIPOD+AI {item}", subject, text)
        for item, subject, text in [
            ("10", "Sample size", _sample_size(report)),
            ("11", "Missing data", f"{own.unreadable} files could not be read."),
            ("13", "Class imbalance", _included(report)),
            ("14", "Fairness", ""),
            ("15", "Model output", "Probabilities of the classes; the largest names the class."),
            ("16", "Training versus evaluation", _trained_on(metadata)),
            ("17", "Ethical approval", ""),
            ("23", "Model performance", _performance(report)),
            ("25", "Interpretation", ""),
            ("26", "Limitations", " ".join(metadata.limitations)),
        ]
    ]


def model_card_rows(report: ValidationReport, metadata: Metadata) -> list[ChecklistRow]:
    """The sections of CHAI's Applied Model Card."""
    sets = report.figures.sets
    reliability = "Not measured: the model has no limits."
    if sets:
        reliability = (
            f"Accepted: {_words(sets.accepted)}. True class in its set: {_words(sets.coverage)}, "
            f"of {100 * sets.coverage_aim:.0f} % that it promises."
        )
    return [
        ChecklistRow("Basic information", "Name and version", _model(report, metadata)),
        ChecklistRow("Basic information", "Developer and contact"),
        ChecklistRow("Uses and directions", "Intended use", metadata.intended_use),
        ChecklistRow("Uses and directions", "Intended users and setting"),
        ChecklistRow("Warnings", "Known limitations", " ".join(metadata.limitations)),
        ChecklistRow("Warnings", "Notice", report.notice),
        ChecklistRow("Trust ingredients", "Training data", _trained_on(metadata)),
        ChecklistRow("Trust ingredients", "Local validation data", _included(report)),
        ChecklistRow("Trust ingredients", "Monitoring and maintenance"),
        ChecklistRow("Key metrics", "Efficacy", _performance(report)),
        ChecklistRow("Key metrics", "Fairness and equity"),
        ChecklistRow("Key metrics", "Safety and reliability", reliability),
        ChecklistRow("Resources", "Regulatory status, evidence, references"),
    ]


def _words(estimate: Estimate) -> str:
    shown = Metric(estimate.value, estimate.interval)
    return f"{shown.percent} ({shown.percent_interval})"


def _model(report: ValidationReport, metadata: Metadata) -> str:
    return (
        f"{metadata.title}, version {metadata.version}, {metadata.architecture.replace('_', ' ')}, "
        f"{metadata.parameters:,} parameters, weights {report.model.weights_sha256[:12]}."
    )


def _trained_on(metadata: Metadata) -> str:
    return f"Trained on {datasets()[metadata.dataset].title}."


def _disjoint(report: ValidationReport) -> str:
    own = report.labelled_set
    groups = f"{own.groups:,} named groups" if own.groups else "no named groups"
    return f"{groups}; {own.near_duplicates:,} images are near-duplicates of another one."


def _sample_size(report: ValidationReport) -> str:
    needs = [
        f"± {100 * need.half_width:.0f} points: {need.more:,} more"
        for need in report.figures.enough[0].needs
    ]
    return f"For the accuracy, {', '.join(needs)}."


def _included(report: ValidationReport) -> str:
    figures = report.figures
    counts = ", ".join(f"{row.label} {row.recall.n:,}" for row in figures.present)
    others = sum(each.n for each in figures.own_classes)
    left = f"; {others:,} of classes that the model does not know" if others else ""
    return f"{figures.n:,} images ({counts}){left}."


def _performance(report: ValidationReport) -> str:
    figures = report.figures
    area = Metric(figures.auc.value, figures.auc.interval)
    return (
        f"Accuracy {_words(figures.accuracy)}, balanced accuracy "
        f"{_words(figures.balanced_accuracy)}, AUC {area.decimals} ({area.decimals_interval})."
    )
