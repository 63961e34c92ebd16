"""The model card: what a bundle is, for people, generated from its metadata and evaluation."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from classifier.bundles.registry import Bundle
from classifier.cards.card_limits import limits
from classifier.cards.markdown import (
    WARNING,
    Values,
    bullets,
    input_text,
    measured,
    reported,
    section,
    table,
    with_interval,
)

MATRIX_FILE = "confusion.svg"
# The rows that the original report has too, and those that it has not.
REPORT_ROWS = {
    "accuracy": "accuracy",
    "precision": "precision, weighted",
    "recall": "recall, weighted",
    "f1": "F1, weighted",
}
MORE_ROWS = {
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "ece": "expected calibration error",
    "brier": "Brier score",
}


def render_card(bundle: Bundle) -> str:
    """Give the Markdown text of a bundle's README.md; without evaluation it says so."""
    sections = [
        _opening(bundle),
        section("Intended use", bundle.metadata["intended_use"]),
        section("Figures", _figures(bundle)),
        _limits(bundle.evaluation or {}),
        section("Training", bullets(_training(bundle))),
        _differences(bundle.metadata["training"]),
        section("Data", _data(bundle)),
        section("Limitations", bullets(bundle.metadata["limitations"])),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _differences(training: Values) -> str:
    sentences = training.get("differs_from_report")
    title = "What differs from the reported recipe"
    return section(title, bullets(sentences)) if sentences else ""


def _limits(evaluation: Values) -> str:
    measured = evaluation.get("uncertainty")
    return section("What it knows of its limits", limits(measured)) if measured else ""


def _opening(bundle: Bundle) -> str:
    facts = (
        f"{bundle.dataset.image_kind}, {len(bundle.classes)} classes · `{bundle.architecture}` · "
        f"{bundle.parameters:,} parameters · input {input_text(bundle)} · version {bundle.version}"
    )
    summary = bundle.metadata.get("summary", "")
    warning = f"{WARNING} Not a medical device."
    return "\n\n".join(filter(None, [f"# {bundle.title}", facts, warning, summary]))


def _figures(bundle: Bundle) -> str:
    validation = _validation_sentence(bundle.metadata["training"])
    if bundle.evaluation is None:
        return "\n\n".join(filter(None, [validation, "Not yet evaluated on the test split."]))
    parts = [
        _test_table(bundle, bundle.evaluation),
        validation,
        _cross_validation(bundle.evaluation),
        _operating_point(bundle.evaluation),
        _classification_report(bundle.evaluation),
        _confusion(bundle.classes, bundle.evaluation["confusion_matrix"]),
    ]
    return "\n\n".join(filter(None, parts))


def _test_table(bundle: Bundle, evaluation: Values) -> str:
    heading = (
        f"Measured on the test split ({bundle.dataset.data_name(evaluation['data'])}), "
        f"n = {evaluation['n']:,}. In brackets 95 % intervals, Wilson's for shares and bootstrap "
        "for the others."
    )
    rows = [
        (title, reported(bundle, name), measured(evaluation, name))
        for name, title in (REPORT_ROWS | MORE_ROWS).items()
    ]
    figures = (
        table(["figure", "reported", "measured"], rows)
        if bundle.metadata["reported"]
        else table(["figure", "measured"], [(row[0], row[2]) for row in rows])
    )
    return "\n\n".join(filter(None, [heading, figures, _calibration_by_chance(evaluation)]))


def _calibration_by_chance(evaluation: Values) -> str:
    if "ece_by_chance" not in evaluation["intervals"]:
        return ""
    low, high = evaluation["intervals"]["ece_by_chance"]
    return (
        "A perfectly calibrated model with these confidences would show an expected calibration "
        f"error of {low:.4f}–{high:.4f} on {evaluation['n']:,} images in 95 % of cases."
    )


def _validation_sentence(training: Values) -> str:
    if "validation" not in training:
        return ""
    validation = training["validation"]
    low, high = validation["intervals"]["accuracy"]
    role = "the recipe" if training["selection"] == "last" else "recipe and epoch"
    return (
        f"On the validation split (n = {validation['n']:,}), which helped to choose {role} and so "
        f"flatters: accuracy "
        f"{validation['accuracy']:.4f} (95 % interval {low:.4f}–{high:.4f}), balanced accuracy "
        f"{validation['balanced_accuracy']:.4f}, AUC {validation['auc']:.4f}."
    )


def _cross_validation(evaluation: Values) -> str:
    found = evaluation.get("cross_validation")
    if not found:
        return ""
    titles = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "auc": "AUC"}
    figures = [
        f"{title} {found[name]['mean']:.4f} ± {found[name]['standard_deviation']:.4f}"
        for name, title in titles.items()
    ]
    return (
        f"In {found['folds']}-fold cross-validation of the recipe over all {found['n']:,} images, "
        f"near-duplicates in the same fold, mean and standard deviation: {', '.join(figures)}."
    )


def _operating_point(evaluation: Values) -> str:
    point = evaluation.get("operating_point")
    if not point:
        return ""
    figures = {
        name: with_interval(point[name], point["intervals"][name])
        for name in ("sensitivity", "specificity")
    }
    chosen = point["validation"]
    return (
        f"At the threshold {point['threshold']:.4f} on the probability of {point['positive']}, "
        f"chosen on images held out from training (n = {chosen['n']:,}) for a sensitivity of at "
        f"least {100 * point['target_sensitivity']:g} % at the highest specificity "
        f"({chosen['sensitivity']:.4f} and {chosen['specificity']:.4f} there): on the test split "
        f"sensitivity {figures['sensitivity']} of {point['n_positive']:,} {point['positive']} "
        f"images, specificity {figures['specificity']} of {point['n_negative']:,} others."
    )


def _classification_report(evaluation: Values) -> str:
    n = f"{evaluation['n']:,}"
    rows = [_report_row(row["label"], row) for row in evaluation["per_class"]]
    rows.append(("accuracy", "", "", f"{evaluation['accuracy']:.4f}", n, ""))
    rows.append(_report_row("macro avg", evaluation["macro_avg"]))
    rows.append(_report_row("weighted avg", evaluation["weighted_avg"]))
    return table(["class", "precision", "recall", "f1-score", "support", "specificity"], rows)


def _report_row(name: str, row: Values) -> tuple[str, ...]:
    intervals = row.get("intervals", {})
    return (
        name,
        f"{row['precision']:.4f}",
        with_interval(row["recall"], intervals.get("recall")),
        f"{row['f1']:.4f}",
        f"{row['support']:,}",
        with_interval(row["specificity"], intervals.get("specificity"))
        if "specificity" in row
        else "",
    )


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    rows = [
        (label, *(f"{count:,}" for count in counts))
        for label, counts in zip(labels, matrix, strict=True)
    ]
    return (
        f"![Confusion matrix: true classes down, predicted classes across]({MATRIX_FILE})\n\n"
        "<details><summary>The confusion matrix as a table: rows are the true classes, columns "
        "the predicted ones</summary>\n\n" + table(["true class", *labels], rows) + "\n\n</details>"
    )


OPTIMISATION: Final = {
    "optimizer",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "label_smoothing",
    "class_weights",
}


def _training(bundle: Bundle) -> list[str]:
    """Say what the metadata know of the training; of a model from elsewhere that may be little."""
    training = bundle.metadata["training"]
    sentences: list[tuple[set[str], Callable[[Values], str]]] = [
        ({"network"}, _starting_weights),
        ({"epochs", "minutes", "selected_epoch", "selection"}, _duration),
        (OPTIMISATION, _optimisation),
        ({"augmentation"}, _augmentation),
        ({"seed", "software"}, _software),
        ({"software"}, lambda training: f"Again with `manage.py train_model {bundle.slug}`."),
    ]
    known = [write(training) for keys, write in sentences if keys <= training.keys()]
    given = [f"{key.replace('_', ' ')}: {value}" for key, value in training.items()]
    return known or given or ["Nothing is recorded."]


def _starting_weights(training: Values) -> str:
    start = training["network"].get("weights")
    return f"Starting weights: {f'those of keras.applications for {start}' if start else 'random'}."


def _duration(training: Values) -> str:
    return (
        f"{training['epochs']} epochs in {training['minutes']} minutes; the weights are those of "
        f"epoch {training['selected_epoch']}, selected by `{training['selection']}`."
        f"{_refining(training)}{_views(training)}{_members(training)}"
    )


def _refining(training: Values) -> str:
    last = training.get("refining_epochs", 0)
    if not last:
        return ""
    rate = training.get("refining_learning_rate", "which nothing is recorded")
    changes = _changes(training.get("refining", {}))
    return (
        f" The last {last} are a training of their own at a learning rate of {rate}, with other "
        f"changes: {changes}."
    )


def _views(training: Values) -> str:
    views, scales = training.get("views", 1), training.get("view_scales", [1.0])
    if views == len(scales) == 1:
        return ""
    seen = {1: "", 2: " and its mirror image", 8: " and all its quarter turns and mirror images"}
    sides = ", ".join(f"{100 * scale:.0f} %" for scale in scales)
    scaled = f", showing {sides} of the side," if len(scales) > 1 else ""
    return f" It sees an image{seen[views]}{scaled} and averages the logits."


def _members(training: Values) -> str:
    members, further = training.get("members", 1), training.get("further_members", [])
    alike = f" It averages {members} networks that were trained so." if members > 1 else ""
    return alike + "".join(map(_further_member, further))


def _further_member(changes: Values) -> str:
    share = f" (share in the mean: {100 * changes['share']:.0f} %)" if "share" in changes else ""
    settings = "; ".join(
        f"{name.replace('_', ' ')} {_setting(name, value)}"
        for name, value in changes.items()
        if name != "share"
    )
    return (
        f" It averages its logits with those of a further network{share}, trained likewise but for "
        f"{settings}."
    )


def _setting(name: str, value: Any) -> str:
    if name in {"augmentation", "refining"}:
        return _changes(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)


def _optimisation(training: Values) -> str:
    return (
        f"{training['optimizer']}, learning rate {training['learning_rate']}, weight decay "
        f"{training['weight_decay']}, batches of {training['batch_size']}, label smoothing "
        f"{training['label_smoothing']}, class weights {training['class_weights']}."
    )


def _augmentation(training: Values) -> str:
    return f"Augmentation: {_changes(training['augmentation'])}."


def _changes(augmentation: Values) -> str:
    chosen = [
        name.replace("_", " ") if value is True else f"{name} {value}"
        for name, value in augmentation.items()
        if value and name != "fill_mode"
    ]
    return ", ".join(chosen) or "none"


def _software(training: Values) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in training["software"].items())
    return f"Seed {training['seed']}; {versions}."


def _data(bundle: Bundle) -> str:
    dataset, data = bundle.dataset, bundle.metadata["training"].get("data")
    source = f"Licence {dataset.licence}. {dataset.citation}"
    if data is None:
        return f"What it was trained on is not known here.\n\n{source}"
    origin = dataset.source_note
    if data["is_medmnist_file"]:
        origin = f"{dataset.data_name(data)}."
    counts = (
        f"Trained on {data['train']:,} images, validated on {data['validation']:,}; file "
        f"`{data['file']}`, SHA-256 `{data['sha256']}`."
    )
    return "\n\n".join([origin, counts, source])
