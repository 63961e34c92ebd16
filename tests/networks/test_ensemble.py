"""Several trainings of one recipe that end as one network."""

from pathlib import Path

import keras
import numpy as np
import pytest

from classifier.evaluation import calibration
from classifier.evaluation.batch_predict import predict
from classifier.networks.contract import (
    feature_groups,
    feature_layers,
    fold_temperature,
    with_features,
)
from classifier.networks.ensemble import averaged
from classifier.training import pipeline
from classifier.training.members import joined_networks
from classifier.training.recipe import UncertaintySettings, resolve_recipe
from classifier.training.recipe_values import RecipeError
from classifier.training.trainer import TrainedNetwork
from tests.networks.test_architectures import ARCHITECTURES, spec
from tests.training import synthetic

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
OVERRIDES = {
    "dataset": "breastmnist",
    "architecture": "compact_resnet",
    "size": synthetic.SIZE,
    "epochs": 1,
    "network": {"widths": [4, 8], "blocks": [0, 1]},
    "batch_size": 16,
    "selection": "last",
    "members": 2,
    "uncertainty": UncertaintySettings(folds=3),
}


def train_bundle(root: Path, **overrides: object) -> pipeline.Bundle:
    return pipeline.train_bundle(
        "own",
        OVERRIDES | overrides,
        models_dir=root / "models",
        checkpoint_dir=root / "checkpoints",
        data_root=synthetic.write_data_file(root / "data").parent,
        resume=False,
    )


def logits(network: keras.Model) -> np.ndarray:
    return calibration.logits_of(predict(network, PIXELS))


@pytest.mark.parametrize("architecture", ["compact_resnet", "mobilenet_v2"])
def test_an_ensemble_averages_the_logits_of_its_members(architecture: str, tmp_path: Path) -> None:
    members = [ARCHITECTURES[architecture](spec(symmetries=2), 8) for _ in range(2)]
    averaged(members, alike=2, shares=[0.5, 0.5]).save(tmp_path / "ensemble.keras")
    ensemble = keras.models.load_model(tmp_path / "ensemble.keras", safe_mode=True)
    mean = calibration.softmax(np.mean([logits(member) for member in members], axis=0))
    np.testing.assert_allclose(predict(ensemble, PIXELS), mean, atol=1e-5)

    first, features = features_of(members[0]), features_of(ensemble)
    np.testing.assert_allclose(features, first, rtol=1e-4, atol=1e-4)

    fold_temperature(ensemble, 2.0)
    cooled = calibration.at_temperature(mean, 2.0)
    np.testing.assert_allclose(predict(ensemble, PIXELS), cooled, atol=1e-5)


def features_of(network: keras.Model) -> np.ndarray:
    layers = feature_layers(network)
    return np.asarray(with_features(network, layers)(PIXELS.astype(np.float32))[1])


def test_what_a_member_trained_otherwise_sees_counts_too(tmp_path: Path) -> None:
    build = ARCHITECTURES["compact_resnet"]
    members = [
        build(spec(symmetries=2), 8, widths=widths, dropout=dropout)
        for widths, dropout in (((8, 16, 32), 0), ((8, 16, 32), 0), ((4, 8, 24), 0.5))
    ]
    averaged(members, alike=2, shares=[0.5, 0.2, 0.3]).save(tmp_path / "ensemble.keras")
    ensemble = keras.models.load_model(tmp_path / "ensemble.keras", safe_mode=True)
    mean = np.average([logits(member) for member in members], axis=0, weights=[0.5, 0.2, 0.3])
    shares = calibration.softmax(mean)
    np.testing.assert_allclose(predict(ensemble, PIXELS), shares, atol=1e-5)
    assert sum(feature_groups(ensemble, feature_layers(ensemble))) == features_of(ensemble).shape[1]
    first, _, further = map(features_of, members)
    # The pooled features of the first come last, as in every network.
    both = np.column_stack([first[:, :-32], further, first[:, -32:]])
    np.testing.assert_allclose(features_of(ensemble), both, rtol=1e-4, atol=1e-4)


def test_the_history_of_an_ensemble_is_the_mean(tmp_path: Path) -> None:
    network = ARCHITECTURES["dnn_relu"](spec(synthetic.SIZE), 2)
    lines = [{"epoch": epoch, "loss": 1.0, "seconds": 2.0} for epoch in (1, 2)]
    further = [line | {"loss": 9.0} for line in [*lines, *lines]]
    histories = [lines, [line | {"loss": 3.0} for line in lines], further]
    part = synthetic.split(8, 0)
    members = [TrainedNetwork(network, 1, history, {}) for history in histories]
    images = np.repeat(part.images, 3, axis=3)
    recipe = resolve_recipe("own", OVERRIDES | {"further_members": ({"epochs": 4},)})
    joined = joined_networks(members, type(part)(images, part.labels), recipe)
    # The third was trained otherwise: its losses are those of other epochs, its time counts.
    assert joined.history == [
        {"epoch": 1, "loss": 2.0, "seconds": 4.0},
        {"epoch": 2, "loss": 2.0, "seconds": 12.0},
    ]


def test_a_recipe_trains_members_and_folds(tmp_path: Path) -> None:
    bundle = train_bundle(tmp_path)
    assert bundle.metadata["training"]["members"] == 2
    assert bundle.metadata["uncertainty"]["n"] == {
        "reference": 48,
        "distances": 48,
        "scores": 96,
    }
    assert not (tmp_path / "checkpoints").exists()


def test_a_recipe_trains_a_further_member_its_own_way(tmp_path: Path) -> None:
    narrower = {"network": {"widths": [4], "blocks": [1]}}
    ways: list[dict[str, object]] = [{}, narrower, {"further_members": (narrower,)}]
    first, second, both = (
        train_bundle(tmp_path / str(number), members=1, uncertainty=None, **way)
        for number, way in enumerate(ways)
    )
    assert both.parameters == first.parameters + second.parameters
    assert both.metadata["training"]["further_members"] == [narrower]


def test_further_members_take_the_same_images(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="its own 'views'"):
        train_bundle(tmp_path, further_members=({"views": 8},))


@pytest.mark.parametrize(
    "way",
    [
        {"network": {"bogus": 1}},
        {"further_members": ({"network": {"bogus": 1}},)},
        {"architecture": "dnn_relu", "network": {"weights": "imagenet"}},
        {"architecture": "vgg16", "network": {}},
    ],
)
def test_a_network_that_cannot_be_built_is_refused_before_anything_is_trained(
    tmp_path: Path, way: dict[str, object]
) -> None:
    with pytest.raises(RecipeError, match="cannot be built for images of 8 pixels"):
        train_bundle(tmp_path, **way)
    assert not (tmp_path / "checkpoints").exists()


def test_a_title_that_no_bundle_can_have_is_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    with pytest.raises(RecipeError, match="title needs 1 to 120 characters"):
        train_bundle(tmp_path, title="Long " * 30)
    assert not (tmp_path / "checkpoints").exists()


def test_an_ensemble_selects_no_epoch(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="last epoch"):
        train_bundle(tmp_path, selection="val_loss")
