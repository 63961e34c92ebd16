"""From a shipped bundle and labelled images to a bundle that is served beside it."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from PIL import Image
from pytest_django import Settings

from classifier.adaptation import adapt
from classifier.adaptation.adapt import Name, OwnImages, adapt_bundle
from classifier.adaptation.fitting import Promise
from classifier.adaptation.folders import matched_class
from classifier.bundles.registry import Bundle, load_bundle
from classifier.datasets import datasets
from classifier.inference import loader
from classifier.models import TrainedModel
from classifier.networks.checks import network_problems
from classifier.services.labelled_sets import kinds_for
from tests.training import synthetic

NAME = Name(slug="here", title="Our laboratory")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return synthetic.evaluated_bundle(tmp_path_factory.mktemp("shipped"))


def laboratory(count: int = 60) -> OwnImages:
    """Images as from another microscope: what is bright at home is dark here."""
    part = synthetic.split(count, 7)
    return OwnImages(
        name="Our slides", views=(255 - part.images,), labels=part.labels, groups=np.arange(count)
    )


def adapted(shipped: Bundle, models_dir: Path, images: OwnImages, **options: Any) -> Bundle:
    options = {"promise": Promise(), "data_root": models_dir / "none"} | options
    return adapt_bundle(shipped, images, NAME, models_dir, **options)


def test_an_adapted_bundle_is_whole_and_says_what_it_is(shipped: Bundle, tmp_path: Path) -> None:
    data_root = synthetic.write_data_file(tmp_path / "data").parent
    heard: list[str] = []
    adapted(
        shipped,
        tmp_path / "models",
        laboratory(),
        data_root=data_root,
        listener=lambda which, done, total: heard.append(which),
    )
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["here"]
    bundle = load_bundle(tmp_path / "models" / "here")
    assert network_problems(bundle) == []
    assert bundle.metadata.adapted_from is not None
    assert bundle.metadata.adapted_from.slug == shipped.slug
    assert bundle.metadata.adapted_from.weights_sha256 == shipped.sha256
    assert bundle.version == 1
    assert not bundle.metadata.recommended
    assert "not for images from anywhere else" in bundle.metadata.limitations[0]
    assert set(shipped.metadata.limitations) < set(bundle.metadata.limitations)
    assert bundle.evaluation is not None
    assert bundle.evaluation.n == 60
    found = bundle.evaluation.adaptation
    assert found is not None
    assert found.gain.proposed
    assert found.gain.before.share is not None
    assert found.gain.before.share < 0.5 < bundle.evaluation.accuracy
    assert found.at_home is not None
    assert found.at_home.before.n == 48
    assert bundle.evaluation.uncertainty is not None
    assert bundle.evaluation.uncertainty.acceptance.n == 60
    assert set(heard) == {"features of your images", "fits", "images from home"}
    card = (bundle.path / "README.md").read_text()
    assert f"From `{shipped.slug}`, version 1, with 60 labelled images" in card
    assert "“Our slides”, by cross-validation" in card
    assert found.gain.reason in card
    assert "Research use only" in card


def test_where_the_disk_is_full_nothing_is_left(
    shipped: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(adapt, "write_card", full)
    with pytest.raises(OSError, match="No space left"):
        adapted(shipped, tmp_path / "models", laboratory())
    assert list((tmp_path / "models").iterdir()) == []


def test_of_two_at_once_one_is_written_and_the_other_says_so(
    shipped: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_dir = tmp_path / "models"

    def meanwhile(bundle: Bundle) -> None:
        (models_dir / "here").mkdir()
        (models_dir / "here" / "metadata.json").write_text("the other's")

    monkeypatch.setattr(adapt, "write_card", meanwhile)
    with pytest.raises(OSError, match="not empty"):
        adapted(shipped, models_dir, laboratory())
    assert [path.name for path in models_dir.iterdir()] == ["here"]
    assert (models_dir / "here" / "metadata.json").read_text() == "the other's"


def write_folders(images: OwnImages, folder: Path, names: list[str]) -> None:
    for number, (pixels, label) in enumerate(zip(images.views[0], images.labels, strict=True)):
        path = folder / names[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Enlarged, since no upload may be so small; shrinking gives the pixels back.
        Image.fromarray(pixels[..., 0]).resize((64, 64), Image.Resampling.NEAREST).save(path)


@pytest.mark.django_db
def test_the_command_makes_a_model_that_answers_without_a_restart(
    shipped: Bundle,
    tmp_path: Path,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    user: User,
    other_user: User,
    client: Client,
) -> None:
    settings.MODELS_DIR, settings.MEDMNIST_ROOT = shipped.path.parent, tmp_path / "no_data"
    call_command("load_bundles")
    folder = tmp_path / "North Wing"
    write_folders(laboratory(), folder, ["Malignant", "harmless"])
    call_command(
        "adapt_model", shipped.slug, folder, "--same=harmless=normal, benign", owner=user.username
    )
    said = capsys.readouterr().out
    assert "Proposed. Of these 60 images" in said
    assert "Research use only" in said
    model = TrainedModel.objects.get(slug=f"{shipped.slug}-north-wing")
    assert model.described.adapted_from is not None
    assert model in TrainedModel.objects.choosable_by(user)
    assert model not in TrainedModel.objects.choosable_by(other_user)
    client.force_login(user)
    page = client.get(f"/models/{model.slug}/").text
    assert "Adapted to a laboratory" in page
    assert "could not be measured: they were not at hand" in page
    assert "60 own images by their true class" in page
    client.force_login(other_user)
    assert client.get(f"/models/{model.slug}/").status_code == 404
    other = synthetic.split(40, 8)
    answers = loader.load(model).answer(255 - other.images)
    right = [row.probabilities.argmax() for row in answers] == other.labels
    assert right.mean() > 0.8
    with pytest.raises(CommandError, match="no account named nobody"):
        call_command("adapt_model", shipped.slug, folder, owner="nobody")
    with pytest.raises(CommandError, match="Give another --name"):
        call_command("adapt_model", shipped.slug, folder, "--same=harmless=normal, benign")


@pytest.mark.django_db
def test_the_command_makes_a_model_for_classes_of_ones_own(
    shipped: Bundle, tmp_path: Path, settings: Settings, user: User, other_user: User
) -> None:
    settings.MODELS_DIR = shipped.path.parent
    call_command("load_bundles")
    folder = tmp_path / "North Wing"
    write_folders(laboratory(), folder, ["upper", "lower"])
    (folder / "rare").mkdir()
    some = next((folder / "upper").glob("*.png"))
    (folder / "rare" / "1.png").write_bytes(some.read_bytes())
    call_command(
        "adapt_model", shipped.slug, folder, "--own-classes", name="ours", owner=user.username
    )
    model = TrainedModel.objects.get(slug="ours")
    assert model.described.classes == ("lower", "upper")
    assert model.dataset_info.is_own
    assert model.measured is not None
    assert model.measured.adaptation is not None
    assert model.measured.adaptation.own_classes
    assert "always naming the commonest class" in model.measured.adaptation.gain.reason
    assert network_problems(load_bundle(settings.ADAPTED_MODELS_DIR / "ours")) == []
    other = synthetic.split(40, 8)
    # In the order of their names, which is not that of the folders' images.
    said = [row.probabilities.argmax() for row in loader.load(model).answer(255 - other.images)]
    assert (said == 1 - other.labels).mean() > 0.8
    assert model in TrainedModel.objects.choosable_by(user)
    assert model not in TrainedModel.objects.choosable_by(other_user)
    assert model.dataset in kinds_for(user)
    assert model.dataset not in kinds_for(other_user)


def test_classes_of_ones_own_need_ten_images_each(
    shipped: Bundle, tmp_path: Path, settings: Settings
) -> None:
    settings.MODELS_DIR = shipped.path.parent
    write_folders(laboratory(12), tmp_path / "few", ["upper", "lower"])
    with pytest.raises(CommandError, match="takes 10 images or more of at least 2"):
        call_command("adapt_model", shipped.slug, tmp_path / "few", "--own-classes")
    assert not list(settings.OWN_DATASETS_DIR.glob("*"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "There is no folder"),
        (lambda folder: folder.mkdir(), "has no folders in it"),
        (lambda folder: (folder / "unheard").mkdir(parents=True), "unheard is no class"),
        (lambda folder: (folder / "malignant").mkdir(parents=True), "hold no images"),
        (
            lambda folder: write_folders(laboratory(1), folder, ["malignant", "normal, benign"]),
            "5 images or more of at least 2 classes",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_plain_words(
    shipped: Bundle, tmp_path: Path, settings: Settings, make: Any, message: str
) -> None:
    settings.MODELS_DIR = shipped.path.parent
    make(tmp_path / "images")
    with pytest.raises(CommandError, match=message):
        call_command("adapt_model", shipped.slug, tmp_path / "images")
    assert not settings.ADAPTED_MODELS_DIR.exists()


def test_class_names_are_matched_but_for_case_spaces_and_plurals() -> None:
    labels = datasets()["bloodmnist"].labels
    assert matched_class("Immature_Granulocyte", labels) == "immature granulocytes"
    assert matched_class("NEUTROPHILS", labels) == "neutrophil"
    assert matched_class("blast", labels) is None
