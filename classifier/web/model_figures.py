"""Models and what was measured of them, as the pages show it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from classifier.datasets import Dataset, datasets
from classifier.models import TrainedModel
from classifier.web.presenters import (
    Measure,
    accuracy,
    auc,
    decimals,
    gloss,
    percent,
    share_measure,
    span,
)

SHADES: Final = 10
COMPARED: Final = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1-score",
}
AVERAGES: Final = {"macro_avg": "macro avg", "weighted_avg": "weighted avg"}


@dataclass(frozen=True)
class Comparison:
    """A figure of the original report beside the measured one; either may be unknown."""

    name: str
    reported: str
    measured: Measure | None


def comparisons(model: TrainedModel) -> list[Comparison]:
    """Accuracy, and the averages over the classes weighted by their numbers of images."""
    reported = model.metadata.get("reported") or {}
    return [
        Comparison(
            name=title,
            reported=f"{100 * reported[key]:g}%" if key in reported else "",
            measured=_compared(model.evaluation, key) if model.evaluation else None,
        )
        for key, title in COMPARED.items()
    ]


def _compared(evaluation: dict[str, Any], key: str) -> Measure:
    if key == "accuracy":
        return accuracy(evaluation)
    intervals = evaluation["intervals"].get("weighted_avg", {})
    return share_measure(evaluation["weighted_avg"][key], intervals.get(key))


@dataclass(frozen=True)
class ModelCard:
    """A model as the form and the tables list it."""

    model: TrainedModel
    input: str
    parameters: str
    accuracy: Measure | None
    auc: Measure | None
    n: int | None
    data_name: str
    comparisons: list[Comparison]

    @property
    def is_of_the_report(self) -> bool:
        return any(each.reported for each in self.comparisons)


def model_card(model: TrainedModel) -> ModelCard:
    colours = "grey" if model.channels == 1 else "colour"
    evaluation = model.evaluation
    return ModelCard(
        model=model,
        input=f"{model.input_size} × {model.input_size} px, {colours}",
        parameters=f"{model.metadata['parameters'] / 1e6:.2f} M",
        accuracy=accuracy(evaluation) if evaluation else None,
        auc=auc(evaluation) if evaluation else None,
        n=evaluation["n"] if evaluation else None,
        data_name=data_name(model),
        comparisons=comparisons(model),
    )


def data_name(model: TrainedModel) -> str:
    """Name of the test images and their split, which goes with each figure; empty without any."""
    dataset = datasets().get(model.dataset)
    return dataset.data_name(model.evaluation["data"]) if dataset and model.evaluation else ""


@dataclass(frozen=True)
class ModelGroup:
    """The models for one kind of image."""

    dataset: Dataset
    cards: list[ModelCard]

    @property
    def data_name(self) -> str:
        """The test images that the figures are of; several names where the models differ."""
        return "; ".join(dict.fromkeys(card.data_name for card in self.cards if card.data_name))


def model_groups(models: Iterable[TrainedModel]) -> list[ModelGroup]:
    """Models that come in display order, by what they look at."""
    return [
        ModelGroup(datasets()[dataset], [model_card(model) for model in group])
        for dataset, group in groupby(models, key=lambda model: model.dataset)
        if dataset in datasets()
    ]


@dataclass(frozen=True)
class ReportRow:
    """A line of a classification report; what it has no figure for is None."""

    label: str
    gloss: str
    precision: str
    recall: Measure | None
    f1: str
    support: int
    specificity: Measure | None


def classification_report(model: TrainedModel) -> list[ReportRow]:
    """Classes, accuracy and averages in the order of scikit-learn's report."""
    evaluation = model.evaluation or {}
    total = ReportRow(
        "accuracy", "", "", None, decimals(evaluation["accuracy"]), evaluation["n"], None
    )
    return [
        *(
            _row(row["label"], row, gloss(model.dataset, row["label"]))
            for row in evaluation["per_class"]
        ),
        total,
        *(_row(title, evaluation[key]) for key, title in AVERAGES.items()),
    ]


def _row(label: str, row: dict[str, Any], words: str = "") -> ReportRow:
    return ReportRow(
        label,
        words,
        decimals(row["precision"]),
        _with_interval(row, "recall"),
        decimals(row["f1"]),
        row["support"],
        _with_interval(row, "specificity") if "specificity" in row else None,
    )


def _with_interval(row: dict[str, Any], key: str) -> Measure:
    interval = row.get("intervals", {}).get(key)
    return Measure(decimals(row[key]), span(*interval) if interval else "")


@dataclass(frozen=True)
class OperatingRow:
    """Sensitivity and specificity for the positive class by one way of deciding."""

    decision: str
    images: str
    sensitivity: Measure
    specificity: Measure


def operating_rows(evaluation: dict[str, Any]) -> list[OperatingRow]:
    """The chosen threshold on both splits, and the larger probability; empty without a choice."""
    point = evaluation.get("operating_point")
    if not point:
        return []
    positive = next(row for row in evaluation["per_class"] if row["label"] == point["positive"])
    threshold = f"Probability of at least {decimals(point['threshold'])}"
    chosen = point["validation"]
    n = point["n_positive"] + point["n_negative"]
    return [
        OperatingRow(threshold, f"{n:,} test", *_shares(point, "sensitivity", "specificity")),
        OperatingRow(
            "The same, on the images that it was chosen on",
            f"{chosen['n']:,} held out",
            *_shares(chosen, "sensitivity", "specificity"),
        ),
        OperatingRow(
            "The larger probability", f"{n:,} test", *_shares(positive, "recall", "specificity")
        ),
    ]


def _shares(row: dict[str, Any], *keys: str) -> Iterable[Measure]:
    intervals = row.get("intervals", {})
    return [share_measure(row[key], intervals.get(key)) for key in keys]


def cross_validation(evaluation: dict[str, Any]) -> str:
    """Mean and standard deviation over the folds in words; empty where none was recorded."""
    found = evaluation.get("cross_validation")
    if not found:
        return ""
    accuracy, auc = found["accuracy"], found["auc"]
    return (
        f"Accuracy {percent(accuracy['mean'])} ± {percent(accuracy['standard_deviation'])}, "
        f"AUC {decimals(auc['mean'])} ± {decimals(auc['standard_deviation'])} "
        f"({found['folds']} folds, all {found['n']:,} images)"
    )


@dataclass(frozen=True)
class Cell:
    """A count of a confusion matrix; its shade is the share of its row in tenths."""

    count: int
    shade: int
    is_diagonal: bool


def confusion_rows(evaluation: dict[str, Any]) -> list[tuple[str, list[Cell]]]:
    """True classes with their counts by predicted class."""
    labels = [row["label"] for row in evaluation["per_class"]]
    return [
        (labels[i], _cells(counts, i)) for i, counts in enumerate(evaluation["confusion_matrix"])
    ]


def _cells(counts: Sequence[int], true: int) -> list[Cell]:
    total = max(1, sum(counts))
    return [
        Cell(count, _shade(count / total), is_diagonal=j == true) for j, count in enumerate(counts)
    ]


def _shade(share: float) -> int:
    """0 for nothing at all; a single case among many still shows."""
    return max(1, round(SHADES * share)) if share else 0
