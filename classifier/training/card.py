"""The model card: what a bundle is, for people, generated from its metadata and evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.registry import Bundle

Values = Mapping[str, Any]


def render_card(bundle: Bundle) -> str:
    """Give the Markdown text of a bundle's README.md; without evaluation it says so."""
    sections = [
        _opening(bundle),
        _section("Intended use", bundle.metadata["intended_use"]),
        _section("Figures", _figures(bundle)),
        _section("Training", _training(bundle)),
        _section("Data", _data(bundle)),
        _section("Limitations", _bullets(bundle.metadata["limitations"])),
    ]
    return "\n\n".join(sections) + "\n"


def _is_trained_here(training: Values) -> bool:
    """Whether `train_model` wrote the facts; of a network from elsewhere there may be any."""
    return "validation" in training


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _opening(bundle: Bundle) -> str:
    side, kind = bundle.input_size, "RGB" if bundle.channels == 3 else "grey"
    facts = (
        f"{bundle.dataset.image_kind}, {len(bundle.classes)} classes · `{bundle.architecture}` · "
        f"{bundle.parameters:,} parameters · input {side} × {side} {kind} · "
        f"version {bundle.version}"
    )
    summary = bundle.metadata.get("summary", "")
    warning = "**For research and teaching only. Not a medical device, not for diagnosis.**"
    return "\n\n".join(filter(None, [f"# {bundle.title}", facts, warning, summary]))


def _figures(bundle: Bundle) -> str:
    validation = _validation_sentence(bundle.metadata["training"])
    if bundle.evaluation is None:
        return "\n\n".join(filter(None, [validation, "Not yet evaluated on the test split."]))
    return "\n\n".join(
        filter(
            None,
            [
                _test_table(bundle.evaluation, bundle.metadata["reported"]),
                validation,
                _class_table(bundle.evaluation),
                _confusion_table(bundle.classes, bundle.evaluation["confusion_matrix"]),
            ],
        )
    )


def _validation_sentence(training: Values) -> str:
    if not _is_trained_here(training):
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


def _test_table(evaluation: Values, reported: Values | None) -> str:
    heading = f"Test split, n = {evaluation['n']:,}; 95 % intervals (Wilson; bootstrap for AUC)."
    rows = [
        ("accuracy", _with_interval(evaluation, "accuracy")),
        ("AUC", _with_interval(evaluation, "auc")),
        ("balanced accuracy", f"{evaluation['balanced_accuracy']:.4f}"),
        ("expected calibration error", f"{evaluation['ece']:.4f}"),
        ("Brier score", f"{evaluation['brier']:.4f}"),
    ]
    rows += [(f"reported {name}", f"{value:.2f}") for name, value in (reported or {}).items()]
    return f"{heading}\n\n{_table(['figure', 'value'], rows)}"


def _with_interval(evaluation: Values, name: str) -> str:
    low, high = evaluation["intervals"][name]
    return f"{evaluation[name]:.4f} ({low:.4f}–{high:.4f})"


def _class_table(evaluation: Values) -> str:
    keys = ("precision", "recall", "f1", "specificity")
    averages = {"macro average": "macro_avg", "weighted average": "weighted_avg"}
    named = [(row["label"], row) for row in evaluation["per_class"]]
    named += [(title, evaluation[key]) for title, key in averages.items()]
    rows = [
        (name, *(f"{row[key]:.4f}" for key in keys), f"{row['support']:,}") for name, row in named
    ]
    return _table(["class", *keys, "support"], rows)


def _confusion_table(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    rows = [
        (label, *(str(count) for count in counts))
        for label, counts in zip(labels, matrix, strict=True)
    ]
    return "Rows are the true classes, columns the predicted ones.\n\n" + _table(
        ["true class", *labels], rows
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _training(bundle: Bundle) -> str:
    training = bundle.metadata["training"]
    if not _is_trained_here(training):
        return _bullets([f"{key.replace('_', ' ')}: {value}" for key, value in training.items()])
    start = training["network"].get("weights")
    software = ", ".join(f"{name} {version}" for name, version in training["software"].items())
    facts = [
        f"Starting weights: {f'those of keras.applications for {start}' if start else 'random'}.",
        f"{training['epochs']} epochs in {training['minutes']} minutes; the weights are those of "
        f"epoch {training['selected_epoch']}, selected by `{training['selection']}`.",
        f"{training['optimizer']}, learning rate {training['learning_rate']}, weight decay "
        f"{training['weight_decay']}, batches of {training['batch_size']}, label smoothing "
        f"{training['label_smoothing']}, class weights {training['class_weights']}.",
        f"Augmentation: {_augmentation(training['augmentation'])}.",
        f"Seed {training['seed']}; {software}.",
        f"Again with `manage.py train_model {bundle.slug}`.",
    ]
    return _bullets(facts)


def _augmentation(settings: Values) -> str:
    chosen = [
        name.replace("_", " ") if value is True else f"{name} {value}"
        for name, value in settings.items()
        if value and name != "fill_mode"
    ]
    return ", ".join(chosen) or "none"


def _data(bundle: Bundle) -> str:
    dataset, training = bundle.dataset, bundle.metadata["training"]
    if _is_trained_here(training):
        data = training["data"]
        counts = (
            f"Trained on {data['train']:,} images, validated on {data['validation']:,}; file "
            f"`{data['file']}`, SHA-256 `{data['sha256']}`."
        )
    else:
        data = (bundle.evaluation or {}).get("data", {})
        counts = "What it was trained on is not known here."
    origin = (
        f"{dataset.title}, MedMNIST's own file and split."
        if data.get("is_medmnist_file")
        else dataset.source_note
    )
    return "\n\n".join([origin, counts, f"Licence {dataset.licence}. {dataset.citation}"])
