"""Networks that were trained elsewhere, from a file to the pages."""

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from keras import layers
from pytest_django import Settings

from classifier.bundles import registry
from classifier.models import TrainedModel
from classifier.networks.checks import network_problems
from tests.training import synthetic

MALIGNANT_FIRST = [[1.0, -1.0], [-1.0, 1.0]]


@pytest.fixture
def folders(tmp_path: Path, settings: Settings) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    settings.MEDMNIST_ROOT = tmp_path / "data"
    return tmp_path


def knowing_network(
    *, activation: str | None = "softmax", order: Any = MALIGNANT_FIRST, scale: float = 1 / 255
) -> keras.Model:
    """A network that tells which half of an image is bright, as the synthetic labels ask.

    It takes pixels that were multiplied by `scale`.
    """
    halves = layers.AveragePooling2D((synthetic.SIZE // 2, synthetic.SIZE))
    network = keras.Sequential(
        [
            keras.Input((synthetic.SIZE, synthetic.SIZE, 1)),
            halves,
            layers.Flatten(),
            layers.Dense(2, activation=activation),
        ]
    )
    weights = np.array(order, np.float32) * 20 / 255 / scale
    network.layers[-1].set_weights([weights, np.zeros(2, np.float32)])
    return network


def add(path: Path, *options: str) -> str:
    """Output of the command."""
    output = io.StringIO()
    arguments = [str(path), "--dataset=breastmnist", "--title=My network", *options]
    call_command("add_model", *arguments, stdout=output)
    return output.getvalue()


def refusal(path: Path, *options: str) -> str:
    with pytest.raises(CommandError) as caught:
        add(path, *options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def saved(network: keras.Model, folder: Path, name: str = "own.keras") -> Path:
    network.save(folder / name)
    return folder / name


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_an_added_network_is_evaluated_and_served(
    folders: Path, client: Client, user: User, name: str
) -> None:
    synthetic.write_data_file(folders / "data")
    path = saved(knowing_network(), folders, name)

    output = add(path, "--rescale=1/255", "--architecture=Halves")

    assert "Accuracy 1.0000" in output
    assert "on 48 test images" in output
    assert "1 models: my-network" in output
    bundle = registry.load_bundle(folders / "models/my-network")
    assert network_problems(bundle) == []
    assert TrainedModel.objects.active().get().slug == "my-network"
    client.force_login(user)
    page = client.get("/models/my-network/").text
    assert "Halves" in page
    assert "Trained elsewhere" in page
    assert "<dt>Trained on</dt>" not in page
    assert '<span class="chip">Trained elsewhere</span>' in client.get("/models/").text
    card = (bundle.path / "README.md").read_text()
    assert "Trained elsewhere" in card
    assert name in card
    assert str(folders) not in card


@pytest.mark.django_db
def test_outputs_in_another_order_are_held_back_and_put_in_order(folders: Path) -> None:
    synthetic.write_data_file(folders / "data")
    path = saved(knowing_network(order=np.fliplr(MALIGNANT_FIRST)), folders)
    sentence = refusal(path, "--rescale=1/255")
    assert "Accuracy 0.0000 on 48 test images" in sentence
    assert "in another order than malignant; normal, benign: see --classes" in sentence
    assert registry.discover(folders / "models") == registry.Discovery((), ())

    output = add(path, "--rescale", "1/255", "--classes", "normal, benign", "malignant")
    assert "Accuracy 1.0000" in output
    bundle = registry.load_bundle(folders / "models/my-network")
    assert network_problems(bundle) == []
    assert "Accuracy 0.0000" in add(path, "--rescale=1/255", "--force", "--despite-figures")


@pytest.mark.django_db
def test_what_always_names_the_commonest_class_is_held_back(folders: Path) -> None:
    synthetic.write_data_file(folders / "data")
    network = knowing_network(order=[[0.01, 0.0], [0.0, 0.01]])
    network.layers[-1].bias.assign([-9.0, 9.0])
    sentence = refusal(saved(network, folders), "--rescale=1/255")
    assert "Accuracy 0.5208" in sentence
    assert "always naming 'normal, benign' gives 0.5208" in sentence


def test_what_fails_on_the_images_leaves_the_bundle_before(folders: Path) -> None:
    path = saved(knowing_network(), folders)
    add(path, "--rescale=1/255")
    synthetic.write_data_file(folders / "data")
    refusal(path, "--rescale=-1/255", "--force")
    kept = registry.load_bundle(folders / "models/my-network", require_evaluation=False)
    assert kept.version == 1


def single_output(activation: str | None) -> keras.Model:
    """Its one output is for malignant: whether the upper half is the bright one."""
    network = keras.Sequential(
        [
            keras.Input((synthetic.SIZE, synthetic.SIZE, 1)),
            layers.AveragePooling2D((synthetic.SIZE // 2, synthetic.SIZE)),
            layers.Flatten(),
            layers.Dense(1, activation=activation),
        ]
    )
    network.layers[-1].set_weights([np.array([[20.0], [-20.0]]), np.zeros(1)])
    return network


@pytest.mark.django_db
@pytest.mark.parametrize(("activation", "options"), [("sigmoid", []), (None, ["--logits"])])
def test_a_single_output_becomes_two_classes(
    folders: Path, activation: str | None, options: list[str]
) -> None:
    synthetic.write_data_file(folders / "data")
    network = single_output(activation)
    path = saved(network, folders)
    assert "--positive malignant or --positive 'normal, benign'" in refusal(path, *options)
    output = add(path, "--rescale", "1/255", "--positive", "malignant", *options)
    assert "Accuracy 1.0000" in output
    bundle = registry.load_bundle(folders / "models/my-network")
    assert network_problems(bundle) == []
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype(np.float32)
    given = np.asarray(network(pixels / 255))
    malignant = given if activation else 1 / (1 + np.exp(-given))
    loaded = keras.models.load_model(bundle.weights_path, compile=False)
    np.testing.assert_allclose(loaded(pixels), np.hstack([malignant, 1 - malignant]), atol=1e-6)
    other = refusal(path, "--rescale=1/255", "--positive", "normal, benign", "--slug=b", *options)
    assert "Accuracy 0.0000" in other


def test_a_single_logit_and_a_single_sigmoid_are_told_apart(folders: Path) -> None:
    options = ["--rescale=1/255", "--positive=malignant"]
    assert "leave out --logits" in refusal(
        saved(single_output("sigmoid"), folders), *options, "--logits"
    )
    assert "say --logits" in refusal(saved(single_output(None), folders), *options)


@pytest.mark.django_db
def test_sigmoids_are_not_taken_for_logits(folders: Path) -> None:
    synthetic.write_data_file(folders / "data")
    network = knowing_network(activation="sigmoid")
    network.layers[-1].bias.assign([-1.0, -1.0])
    path = saved(network, folders)
    for options in ([], ["--logits"]):
        assert "Say --sigmoids" in refusal(path, "--rescale=1/255", *options)
    assert "Accuracy 1.0000" in add(path, "--rescale=1/255", "--sigmoids")
    bundle = registry.load_bundle(folders / "models/my-network")
    assert network_problems(bundle) == []


@pytest.mark.parametrize("value", ["-1/255", "-1e-2"])
def test_a_factor_may_be_negative(folders: Path, value: str) -> None:
    add(saved(knowing_network(), folders), "--rescale", value)
    bundle = registry.load_bundle(folders / "models/my-network", require_evaluation=False)
    assert bundle.metadata.as_json()["training"]["rescale"] < 0


def test_a_network_that_sees_nothing_is_held_back(folders: Path) -> None:
    assert "gives the same for every image" in refusal(
        saved(knowing_network(), folders), "--rescale=1e-30"
    )


@pytest.mark.django_db
def test_without_data_it_waits_for_its_evaluation(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = add(saved(knowing_network(), folders), "--rescale=1/255")
    assert "leaves a model out until it has figures" in output
    assert "Next: manage.py evaluate_model my-network, then manage.py load_bundles" in output
    call_command("load_bundles")
    assert not TrainedModel.objects.exists()
    assert "my-network: evaluation.json is missing." in capsys.readouterr().err

    synthetic.write_data_file(folders / "data")
    call_command("evaluate_model", "my-network")
    call_command("load_bundles")
    assert TrainedModel.objects.active().exists()


def test_pixels_are_prepared_as_imagedatagenerator_does(folders: Path) -> None:
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    options = ["--rescale", "1/255", "--mean", "0.5", "0.4", "0.3", "--std", "0.2", "0.3", "0.4"]
    add(saved(network, folders), *options)
    bundle = registry.load_bundle(folders / "models/my-network", require_evaluation=False)
    assert (bundle.input_size, bundle.channels) == (8, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)
    expected = network((pixels / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4])
    prepared = keras.models.load_model(bundle.weights_path, compile=False)
    np.testing.assert_allclose(prepared(pixels), expected, atol=1e-5)


def test_logits_are_detected_and_get_a_softmax(folders: Path) -> None:
    path = saved(knowing_network(activation=None), folders)
    assert (
        "If these are logits, the outputs before a softmax or a sigmoid, say --logits"
        in refusal(path)
    )
    add(path, "--logits", "--rescale=1/255")
    bundle = registry.load_bundle(folders / "models/my-network", require_evaluation=False)
    assert network_problems(bundle) == []
    assert "leave out --logits" in refusal(
        saved(knowing_network(), folders), "--logits", "--slug=second"
    )


@pytest.mark.parametrize(
    ("shape", "outputs", "sentence"),
    [
        ((8, 8, 1), 10, "gives 10 values per image, BreastMNIST has 2 classes: malignant; normal,"),
        ((8, 8, 1), 1, "gives 1 value per image"),
        ((8, 9, 1), 2, "takes (None, 8, 9, 1). It has to take square images of one size"),
        ((8, 8, 4), 2, "takes (None, 8, 8, 4)"),
        ((64,), 2, "takes (None, 64)"),
        (
            (1025, 1025, 1),
            2,
            "input.size in metadata.json is wrong",
        ),
    ],
)
def test_what_does_not_fit_is_said(
    folders: Path, shape: tuple[int, ...], outputs: int, sentence: str
) -> None:
    pooled = [layers.GlobalAveragePooling2D()] if len(shape) == 3 else []
    layout = [keras.Input(shape), *pooled, layers.Dense(outputs, activation="softmax")]
    path = saved(keras.Sequential(layout), folders)
    assert sentence in refusal(path)
    assert registry.discover(folders / "models") == registry.Discovery((), ())


def test_two_inputs_are_refused(folders: Path) -> None:
    inputs = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    outputs = layers.Dense(2, activation="softmax")(layers.Flatten()(layers.Add()(inputs)))
    assert "has to take square images" in refusal(saved(keras.Model(inputs, outputs), folders))


def test_damaged_numbers_are_refused(folders: Path) -> None:
    network = knowing_network()
    network.layers[-1].set_weights([np.full((2, 2), np.nan), np.zeros(2)])
    assert "values that are no numbers" in refusal(saved(network, folders))


def test_a_name_that_is_taken_is_replaced_only_by_force(folders: Path) -> None:
    path = saved(knowing_network(), folders)
    add(path, "--rescale=1/255")
    assert "There is a bundle named my-network already" in refusal(path)
    assert "version 2" in add(path, "--rescale=1/127.5", "--force")
    weights = registry.load_bundle(
        folders / "models/my-network", require_evaluation=False
    ).metadata.weights
    assert weights.versions is not None
    assert list(weights.versions) == ["1", "2"]
    assert weights.versions["2"] == weights.sha256


def test_what_fails_leaves_the_old_bundle(folders: Path) -> None:
    add(saved(knowing_network(), folders), "--rescale=1/255")
    before = registry.load_bundle(folders / "models/my-network", require_evaluation=False)
    bad_title = ["--force", "--slug=my-network", f"--title={'a' * 121}"]
    assert "title in metadata.json" in refusal(saved(knowing_network(), folders), *bad_title)
    assert "Nothing was added" in refusal(folders / "absent.keras", "--force")
    after = registry.load_bundle(folders / "models/my-network", require_evaluation=False)
    assert after.sha256 == before.sha256


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--slug=../escape"], "'../escape' cannot name a bundle"),
        (["--title=???"], "'' cannot name a bundle"),
        (["--rescale=1/0"], "argument --rescale: invalid"),
        (["--rescale=0"], "argument --rescale: 0 makes all images the same"),
        (["--classes", "benign", "malignant"], "malignant 'normal, benign' in some order"),
        (["--positive=malignant"], "--positive is for a network with one output"),
        (["--rescale=nan"], "argument --rescale: invalid"),
        (["--mean=inf"], "argument --mean: invalid"),
        (["--std=0"], "argument --std: invalid"),
        (["--mean", "1", "2", "3"], "--mean has 3 values, the images 1 channel"),
        (["--dataset=pathmnist"], "invalid choice: 'pathmnist'"),
    ],
)
def test_options_that_cannot_be_are_named(folders: Path, options: list[str], sentence: str) -> None:
    assert sentence in refusal(saved(knowing_network(), folders), *options)


@pytest.mark.django_db
def test_a_data_file_that_cannot_be_read_is_named(folders: Path) -> None:
    (folders / "data").mkdir()
    (folders / "data/breastmnist.npz").write_bytes(b"damaged")
    sentence = refusal(saved(knowing_network(), folders), "--rescale=1/255")
    assert sentence.startswith("my-network could not be evaluated: breastmnist.npz is not")
