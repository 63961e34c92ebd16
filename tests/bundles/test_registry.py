"""Datasets as declared, and which bundles are found sound."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings

from classifier.bundles import registry
from classifier.bundles.files import named_file_problems
from classifier.bundles.registry import BundleError, discover, load_bundle
from classifier.bundles.schema import NamedFile
from classifier.bundles.writing import write_json
from classifier.datasets import datasets
from classifier.preprocessing import SourceFrame
from tests.factories import curves_of, evaluation_of, metadata_of, uncertainty_of

WEIGHTS = b"weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def bundle_path(tmp_path: Path) -> Path:
    """A sound bundle, but for its weights, which no network could load."""
    path = tmp_path / "blood-test"
    path.mkdir()
    metadata = metadata_of(slug=path.name, dataset="bloodmnist", sha256=SHA256)
    evaluation = evaluation_of(metadata["classes"]) | {"weights_sha256": SHA256}
    (path / "model.keras").write_bytes(WEIGHTS)
    (path / registry.METADATA_FILE).write_text(json.dumps(metadata))
    (path / registry.EVALUATION_FILE).write_text(json.dumps(evaluation))
    return path


def change(path: Path, edit: Change) -> None:
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


def problems_of(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    assert caught.value.slug == path.name
    return " ".join(caught.value.problems)


def test_index_zero_of_the_breast_images_is_malignant() -> None:
    breast = datasets()["breastmnist"]
    assert breast.labels == ("malignant", "normal, benign")
    assert breast.positive_class == "malignant"
    assert breast.channels == 1


def test_blood_classes_are_in_medmnists_order() -> None:
    blood = datasets()["bloodmnist"]
    assert [label[:3] for label in blood.labels] == [
        "bas",
        "eos",
        "ery",
        "imm",
        "lym",
        "mon",
        "neu",
        "pla",
    ]
    assert blood.source_frame == SourceFrame(
        width=360, height=363, crop=200, tolerance=0.02, name="micrograph"
    )


def test_class_labels_are_medmnists(capsys: pytest.CaptureFixture[str]) -> None:
    from classifier.datasets.medmnist import medmnist_table

    for slug, dataset in datasets().items():
        named = medmnist_table()[slug]["label"]
        assert isinstance(named, dict)
        assert [name.split("(")[0] for name in named.values()] == list(dataset.labels)
    assert capsys.readouterr().out == ""


def test_every_class_has_a_gloss_and_every_dataset_its_origin() -> None:
    for dataset in datasets().values():
        assert all(each.gloss for each in dataset.classes)
        assert dataset.licence == "CC BY 4.0"
        assert dataset.citation
        assert dataset.source_note
        assert "not for diagnosis" in dataset.intended_use


def test_a_sound_bundle_gives_what_the_application_asks(bundle_path: Path) -> None:
    bundle = load_bundle(bundle_path)
    assert (bundle.slug, bundle.version, bundle.sha256) == ("blood-test", 1, SHA256)
    assert (bundle.input_size, bundle.channels, len(bundle.classes)) == (28, 3, 8)
    assert bundle.dataset is datasets()["bloodmnist"]
    assert bundle.weights_path == bundle_path / "model.keras"
    assert bundle.evaluation is not None


@pytest.mark.parametrize(
    "key",
    [
        "schema_version",
        "slug",
        "title",
        "version",
        "dataset",
        "architecture",
        "classes",
        "input",
        "weights",
        "parameters",
        "training",
        "reported",
        "intended_use",
        "limitations",
    ],
)
def test_a_missing_key_is_named(bundle_path: Path, key: str) -> None:
    change(bundle_path / registry.METADATA_FILE, lambda values: values.pop(key))
    assert key in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda values: values.update(classes=values["classes"][::-1]), "classes are not those"),
        (lambda values: values.update(dataset="pathmnist"), "'pathmnist' is not known"),
        (lambda values: values.update(slug="other"), "not the folder's name"),
        (
            lambda values: values.update(schema_version=2),
            "schema_version in metadata.json is wrong",
        ),
        (lambda values: values.update(version="1"), "version in metadata.json is wrong"),
        (lambda values: values["weights"].update(file="../model.keras"), "not inside the bundle"),
        (lambda values: values["weights"].update(file="/etc/passwd"), "not inside the bundle"),
        (lambda values: values["weights"].update(file="other.keras"), "is missing"),
        (lambda values: values["weights"].update(sha256="0" * 64), "checksum"),
        (lambda values: values["weights"].update(file="metadata.json"), "is not a .keras file"),
        (
            lambda values: values["weights"].update(versions=[SHA256]),
            "weights.versions in meta",
        ),
        (lambda values: values.update(recommended=1), "recommended in metadata.json is wrong"),
    ],
)
def test_wrong_metadata_are_named(bundle_path: Path, edit: Change, sentence: str) -> None:
    change(bundle_path / registry.METADATA_FILE, edit)
    assert sentence in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda values: values["per_class"].pop(), "class labels in evaluation.json"),
        (lambda values: values["confusion_matrix"].pop(), "not 8 by 8"),
        (lambda values: values.pop("auc"), "lacks auc"),
        (lambda values: values.update(weights_sha256="1" * 64), "about other weights"),
    ],
)
def test_a_wrong_evaluation_is_named(bundle_path: Path, edit: Change, sentence: str) -> None:
    change(bundle_path / registry.EVALUATION_FILE, edit)
    assert sentence in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda values: values["input"].update(size=0), "input.size in metadata.json is wrong"),
        (
            lambda values: values["input"].update(size=1025),
            "input should be less than or equal to 1024.",
        ),
        (lambda values: values["input"].update(channels=2), "input.channels in metadata.json is"),
        (lambda values: values.update(version=0), "version in metadata.json is wrong"),
        (lambda values: values.update(version=2**31), "version in metadata.json is wrong"),
        (lambda values: values.update(title="a" * 121), "title in metadata.json is wrong"),
        (lambda values: values.update(title=" "), "title in metadata.json is wrong"),
        (
            lambda values: values.update(architecture="a" * 81),
            "architecture in metadata.json is wrong",
        ),
        (lambda values: values.update(reported={"auc": 0.9}), "lacks reported.accuracy"),
        (
            lambda values: values.update(reported={"accuracy": "1"}),
            "reported.accuracy in metadata.json",
        ),
        *(
            (
                lambda values, wrong=wrong: values["training"].update(differs_from_report=wrong),
                "training.differs_from_report",
            )
            for wrong in ("One sentence.", None, [1], {})
        ),
        (lambda values: values["training"].update(selected_epoch="3"), "training.selected_epoch"),
        (lambda values: values["training"].update(network=None), "training.network in metadata"),
        (lambda values: values["training"].update(fine_tuning=[]), "training.fine_tuning in metad"),
        (lambda values: values["training"].update(heterogeneous_members=[1]), "training.heteroge"),
        (lambda values: values.update(summary=3), "summary in metadata.json is wrong"),
    ],
)
def test_metadata_that_cannot_be_are_named(bundle_path: Path, edit: Change, sentence: str) -> None:
    change(bundle_path / registry.METADATA_FILE, edit)
    assert sentence in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        ("a" * 81, "slug in metadata.json is wrong: string should have at most 80"),
        ("blood test", "slug in metadata.json is wrong: string should match"),
        ("blut-größe", "slug in metadata.json is wrong: string should match"),
        ("blood\n", "slug in metadata.json is wrong: string should match"),
    ],
)
def test_a_slug_that_no_address_takes_is_named(bundle_path: Path, slug: str, sentence: str) -> None:
    renamed = bundle_path.rename(bundle_path.with_name(slug))
    change(renamed / registry.METADATA_FILE, lambda values: values.update(slug=slug))
    assert problems_of(renamed).startswith(sentence)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        *(
            (
                lambda values, pair=pair, name=name: values["intervals"].update({name: pair}),
                f"intervals.{name}",
            )
            for name in ("accuracy", "auc")
            for pair in ([], [0.9], [0.8, 0.9, 1.0], [0.9, 0.8], ["0.8", "0.9"], [None, 0.9])
        ),
        *(
            (
                lambda values, key=key: values["per_class"][1].pop(key),
                f"evaluation.json lacks per_class[1].{key}.",
            )
            for key in ("precision", "recall", "f1", "specificity", "support")
        ),
        (
            lambda values: values["per_class"][0].update(f1="0.9"),
            "per_class[0].f1 in evaluation.json",
        ),
        (
            lambda values: values["per_class"][0].update(f1=True),
            "per_class[0].f1 in evaluation.json",
        ),
        (lambda values: values["per_class"].append(None), "per_class[8] in evaluation.json"),
        (lambda values: values["macro_avg"].pop("recall"), "lacks macro_avg.recall"),
        (
            lambda values: values["macro_avg"].update(specificity=[]),
            "macro_avg.specificity in evaluation",
        ),
        (lambda values: values["weighted_avg"].update(f1="0.9"), "weighted_avg.f1 in evaluation"),
        *(
            (
                lambda values, count=count: values["confusion_matrix"][0].__setitem__(1, count),
                "confusion_matrix[0][1] in evaluation.json",
            )
            for count in ("1", -1, 1.5, True, None, [])
        ),
        (lambda values: values["confusion_matrix"].append("row"), "confusion_matrix[8] in"),
        (lambda values: values.update(n=0), "n in evaluation.json is wrong"),
    ],
)
def test_figures_that_no_page_can_show_are_named(
    bundle_path: Path, edit: Change, sentence: str
) -> None:
    change(bundle_path / registry.EVALUATION_FILE, edit)
    assert sentence in problems_of(bundle_path)


WRONG_CURVES: list[tuple[str, list[Any]]] = [
    (
        "roc",
        [
            None,
            {},
            ["basophil"],
            [{"label": "basophil", "auc": 0.9}],
            [{"label": "basophil", "auc": 0.9, "points": []}],
            [{"label": "basophil", "auc": 0.9, "points": [[0, 0, 0]]}],
            [{"label": "basophil", "auc": 0.9, "points": [[0, 1.5]]}],
            [{"label": "basophil", "auc": None, "points": [[0, 0], [1, 1]]}],
            [{"label": ["basophil"], "auc": 0.9, "points": [[0, 0], [1, 1]]}],
            [{"label": "unicorn", "auc": 0.9, "points": [[0, 0], [1, 1]]}],
        ],
    ),
    (
        "reliability",
        [
            None,
            [None],
            [{"confidence": 0.5, "accuracy": 0.5}],
            [{"confidence": 0.5, "accuracy": 0.5, "count": 1.5}],
            [{"confidence": 50, "accuracy": 0.5, "count": 1}],
        ],
    ),
    ("operating_point", [None, [], {}, {"positive": "basophil", "threshold": 0.5}]),
]


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG_CURVES for value in values]
)
def test_curves_that_no_page_can_draw_are_named(bundle_path: Path, key: str, value: Any) -> None:
    path = bundle_path / registry.EVALUATION_FILE
    change(path, lambda values: values.update({key: value}))
    problems = problems_of(bundle_path)
    assert key in problems
    assert "evaluation.json" in problems


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda values: values["intervals"].update(balanced_accuracy=[0.9]), "intervals.balanced"),
        (lambda values: values["intervals"].update(ece_by_chance=[0.2, 0.1]), "ece_by_chance in"),
        (lambda values: values["intervals"].update(weighted_avg=None), "intervals.weighted_avg in"),
        (
            lambda values: values["per_class"][0].update(intervals={}),
            "lacks per_class[0].intervals.recall",
        ),
        (
            lambda values: values["operating_point"].pop("intervals"),
            "lacks operating_point.intervals",
        ),
        (
            lambda values: values["operating_point"].update(threshold=2),
            "operating_point.threshold in",
        ),
        (
            lambda values: values["operating_point"].update(n_positive=-1),
            "operating_point.n_positive in",
        ),
        (
            lambda values: values["operating_point"].update(positive="cat"),
            "operating_point in evaluation.json",
        ),
        (lambda values: values["cross_validation"].pop("auc"), "lacks cross_validation.auc"),
        (lambda values: values.update(cross_validation=None), "cross_validation in evaluation.j"),
    ],
)
def test_curves_and_intervals_of_another_shape_are_named(
    bundle_path: Path, edit: Change, sentence: str
) -> None:
    path = bundle_path / registry.EVALUATION_FILE
    change(path, lambda values: values.update(curves_of(datasets()["bloodmnist"].labels)))
    assert load_bundle(bundle_path)
    change(path, edit)
    assert sentence in problems_of(bundle_path)


@pytest.mark.parametrize(
    ("key", "edit"),
    [
        ("coverage", lambda section: section.pop("coverage")),
        ("coverage", lambda section: section["coverage"].pop("target")),
        ("coverage", lambda section: section["coverage"].update(share=1.2)),
        ("acceptance", lambda section: section["acceptance"].update(share=None)),
        ("flagged", lambda section: section["flagged"].update(interval=[0.9])),
        ("errors_flagged", lambda section: section["errors_flagged"].update(n=0)),
        ("errors_flagged", lambda section: section["errors_flagged"].update(n=1.5)),
        ("per_class", lambda section: section["per_class"].pop()),
        ("per_class", lambda section: section["per_class"].reverse()),
        ("per_class", lambda section: section.update(per_class=None)),
        ("set_size", lambda section: section["set_size"].update(mean="one")),
        ("set_size", lambda section: section["set_size"].pop("single")),
        ("rejection", lambda section: section["rejection"][0].update(images=1)),
        ("rejection", lambda section: section.update(rejection={})),
        ("corruptions", lambda section: section["corruptions"].append([])),
        ("corruptions", lambda section: section["corruptions"][0].pop("accuracy")),
        ("calibration", lambda section: section["calibration"].update(temperature=None)),
        ("calibration", lambda section: section["calibration"]["before"].pop("log_loss")),
        ("calibration", lambda section: section["calibration"]["after"].update(reliability=[1])),
    ],
)
def test_measured_uncertainty_of_another_shape_is_named(
    bundle_path: Path, key: str, edit: Change
) -> None:
    path = bundle_path / registry.EVALUATION_FILE
    section = uncertainty_of(datasets()["bloodmnist"].labels)
    change(path, lambda values: values.update(uncertainty=section))
    assert load_bundle(bundle_path)
    change(path, lambda values: edit(values["uncertainty"]))
    problems = problems_of(bundle_path)
    assert f"uncertainty.{key}" in problems
    assert "evaluation.json" in problems


@pytest.mark.parametrize("section", [None, [], {}, "much"])
def test_measured_uncertainty_that_is_no_such_section_is_named(
    bundle_path: Path, section: object
) -> None:
    path = bundle_path / registry.EVALUATION_FILE
    change(path, lambda values: values.update(uncertainty=section))
    problems = problems_of(bundle_path)
    assert "uncertainty" in problems
    assert "evaluation.json" in problems


@pytest.mark.parametrize("file_name", [registry.METADATA_FILE, registry.EVALUATION_FILE])
@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("NaN", "cannot be read: it holds NaN, which is not a number."),
        ("-Infinity", "cannot be read: it holds -Infinity, which is not a number."),
        ("1e999", "cannot be read: it holds a number that is too large."),
        (str(2**63), "cannot be read: it holds a number that is too large."),
        ("9" * 5000, "cannot be read: it holds a number that is too large."),
        (r'"\ud800"', "cannot be read: it holds text that is not Unicode."),
        (r'"\u0000"', "cannot be read: it holds a NUL character."),
        ("[" * 100_000, "cannot be read: it is nested too deeply."),
    ],
    ids=["nan", "infinity", "float", "int", "digits", "surrogate", "nul", "nested"],
)
def test_values_that_no_database_takes_are_refused(
    bundle_path: Path, file_name: str, written: str, sentence: str
) -> None:
    path = bundle_path / file_name
    path.write_text(path.read_text().replace("{", f'{{"more": {written}, ', 1))
    assert problems_of(bundle_path) == f"{file_name} {sentence}"


@pytest.mark.parametrize("written", ["9" * 18, f"-{2**63 - 1}", "1e308"])
def test_large_numbers_that_fit_are_taken(bundle_path: Path, written: str) -> None:
    path = bundle_path / registry.METADATA_FILE
    path.write_text(path.read_text().replace("{", f'{{"more": {written}, ', 1))
    assert load_bundle(bundle_path).metadata.as_json()["more"] == json.loads(written)


def exchange_weights(path: Path, weights: bytes) -> str:
    """As a person might: a new file, its checksum put right, and evaluated again."""
    (path / "model.keras").write_bytes(weights)
    sha256 = hashlib.sha256(weights).hexdigest()
    change(path / registry.METADATA_FILE, lambda values: values["weights"].update(sha256=sha256))
    change(path / registry.EVALUATION_FILE, lambda values: values.update(weights_sha256=sha256))
    return sha256


def test_new_weights_under_the_old_version_are_found_out(bundle_path: Path) -> None:
    metadata_path = bundle_path / registry.METADATA_FILE
    record = {"1": SHA256}
    change(metadata_path, lambda values: values["weights"].update(versions=record))
    assert load_bundle(bundle_path).version == 1

    sha256 = exchange_weights(bundle_path, b"other weights")
    assert "does not give these weights as version 1: raise the version" in problems_of(bundle_path)
    change(metadata_path, lambda values: values.update(version=2))
    assert "does not give these weights as version 2" in problems_of(bundle_path)
    change(metadata_path, lambda values: values["weights"]["versions"].update({"2": sha256}))
    assert load_bundle(bundle_path).version == 2


@pytest.mark.parametrize("name", ["model\x01.keras", "a" * 300, ".", ""])
def test_an_odd_weights_name_is_a_problem(bundle_path: Path, name: str) -> None:
    change(bundle_path / registry.METADATA_FILE, lambda values: values["weights"].update(file=name))
    assert f"The weights file {name!r}" in problems_of(bundle_path)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError("stale")])
def test_weights_that_cannot_be_read_are_named(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    # Not by the file's mode, which root, as whom tests may run, reads past.
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(hashlib, "file_digest", fail)
    reason = error.strerror or str(error)
    assert problems_of(bundle_path) == f"The weights file 'model.keras' cannot be read: {reason}."


def test_a_nul_in_the_weights_name_is_a_problem(bundle_path: Path) -> None:
    named = NamedFile(file="a\0", sha256=SHA256)
    [problem] = named_file_problems(bundle_path, named, "weights file", ".keras")
    assert problem.startswith(r"The weights file 'a\x00' cannot be read: ")
    change(
        bundle_path / registry.METADATA_FILE, lambda values: values["weights"].update(file="a\0")
    )
    assert "holds a NUL character" in problems_of(bundle_path)


def test_weights_that_link_to_themselves_are_a_problem(bundle_path: Path) -> None:
    (bundle_path / "model.keras").unlink()
    (bundle_path / "model.keras").symlink_to("model.keras")
    assert "The weights file 'model.keras'" in problems_of(bundle_path)


def test_a_link_out_of_the_folder_is_refused(bundle_path: Path) -> None:
    outside = bundle_path.parent / "outside.keras"
    (bundle_path / "model.keras").rename(outside)
    (bundle_path / "model.keras").symlink_to(outside)
    assert "not inside the bundle" in problems_of(bundle_path)


def test_the_evaluation_may_be_absent_only_where_that_is_asked_for(bundle_path: Path) -> None:
    (bundle_path / registry.EVALUATION_FILE).unlink()
    assert "evaluation.json is missing" in problems_of(bundle_path)
    assert load_bundle(bundle_path, require_evaluation=False).evaluation is None


@pytest.mark.parametrize("text", ["", "{", "[]", "\ufeff{}"])
def test_metadata_that_are_no_object_are_named(bundle_path: Path, text: str) -> None:
    (bundle_path / registry.METADATA_FILE).write_text(text)
    assert "metadata.json" in problems_of(bundle_path)


def test_a_broken_bundle_is_left_out_and_the_others_serve(bundle_path: Path) -> None:
    broken = bundle_path.with_name("broken")
    shutil.copytree(bundle_path, broken)
    (broken / "model.keras").write_bytes(b"damaged")
    shutil.copytree(bundle_path, bundle_path.with_name(".blood-test.partial"))
    (bundle_path.parent / "README.md").write_text("Not a bundle.")

    found = discover(bundle_path.parent)

    assert found.slugs == ("blood-test",)
    assert [error.slug for error in found.errors] == ["broken"]
    assert "broken: " in str(found.errors[0])


def test_the_history_is_a_table_of_numbers(bundle_path: Path) -> None:
    assert registry.read_history(bundle_path) == []
    (bundle_path / "history.csv").write_text("epoch,loss\n1,0.5\n2,nan\n")
    first, second = registry.read_history(bundle_path)
    assert (first.epoch, first.loss) == (1, 0.5)
    assert second.epoch == 2
    assert load_bundle(bundle_path)


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss\n1,low\n",
        "epoch,loss\n1\n",
        "epoch,loss\n1,2,3\n",
        "loss\n1\n",
        "epoch\n\0\n",
        "epoch\n0\n",
        "epoch\nnan\n",
    ],
)
def test_a_history_that_no_page_can_draw_is_named(bundle_path: Path, text: str) -> None:
    (bundle_path / "history.csv").write_text(text)
    assert "history.csv is not a table of numbers" in problems_of(bundle_path)


def test_no_models_folder_means_no_models(tmp_path: Path) -> None:
    assert discover(tmp_path / "absent") == registry.Discovery((), ())


@pytest.fixture
def limits_path(bundle_path: Path) -> Path:
    """The same bundle with an uncertainty file for four features, two axes and ten images."""
    write_arrays(bundle_path, {})
    return bundle_path


def write_arrays(path: Path, changes: dict[str, Any]) -> None:
    arrays = {
        "centre": np.zeros(4),
        "scale": np.ones(4),
        "axes": np.zeros((4, 2)),
        "reference": np.zeros((10, 3)),
        "spread": np.ones(10),
        "limit": np.array(1.0),
        "thresholds": np.zeros(8),
    }
    given = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez(path / "uncertainty.npz", **given)
    facts = {
        "file": "uncertainty.npz",
        "sha256": hashlib.sha256((path / "uncertainty.npz").read_bytes()).hexdigest(),
        "layers": ["stem"],
        "coverage": 0.95,
        "acceptance": 0.98,
        "temperature": 1.0,
    }
    change(path / registry.METADATA_FILE, lambda values: values.update(uncertainty=facts))


def test_a_bundle_may_bring_its_uncertainty(bundle_path: Path, limits_path: Path) -> None:
    bundle = load_bundle(limits_path)
    assert bundle.limits_path == limits_path / "uncertainty.npz"
    assert bundle.metadata.uncertainty is not None
    assert bundle.metadata.uncertainty.layers == ("stem",)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"axes": None}, "axes in uncertainty.npz is missing"),
        ({"thresholds": np.zeros(7)}, "thresholds in uncertainty.npz"),
        ({"reference": np.zeros((10, 2))}, "reference in uncertainty.npz"),
        ({"reference": np.zeros((0, 3))}, "reference in uncertainty.npz"),
        ({"spread": np.ones(9)}, "spread in uncertainty.npz"),
        ({"scale": np.array([1, 1, 1, np.nan])}, "other than finite numbers"),
        ({"limit": np.array(["1"])}, "limit in uncertainty.npz"),
        ({"centre": np.array([{}] * 4, object)}, "cannot be read"),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    limits_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    write_arrays(limits_path, changes)
    assert sentence in problems_of(limits_path)


def test_an_uncertainty_file_that_is_not_the_one_named(limits_path: Path) -> None:
    (limits_path / "uncertainty.npz").write_bytes(b"other")
    assert "checksum of 'uncertainty.npz'" in problems_of(limits_path)
    (limits_path / "uncertainty.npz").unlink()
    assert "The uncertainty file 'uncertainty.npz' is missing" in problems_of(limits_path)


@pytest.mark.parametrize(
    ("key", "value"), [("coverage", 2), ("coverage", "much"), ("layers", [1]), ("file", "../x")]
)
def test_facts_about_uncertainty_that_cannot_be(limits_path: Path, key: str, value: object) -> None:
    change(
        limits_path / registry.METADATA_FILE,
        lambda values: values["uncertainty"].update({key: value}),
    )
    assert problems_of(limits_path)


SHIPPED = sorted(Path(settings.MODELS_DIR).glob("*/metadata.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_what_is_read_is_written_again_to_the_byte(path: Path, tmp_path: Path) -> None:
    bundle = load_bundle(path.parent)
    assert bundle.evaluation is not None
    write_json(tmp_path / "evaluation.json", bundle.evaluation.as_json())
    written = (tmp_path / "evaluation.json").read_bytes()
    assert written == (path.parent / "evaluation.json").read_bytes()
    # What recipes of earlier releases said besides stands after the rest.
    assert bundle.metadata.as_json() == json.loads(path.read_text())
