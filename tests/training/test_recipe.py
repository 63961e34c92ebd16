"""Recipes as shipped, and the networks that they describe."""

import re
from pathlib import Path

import numpy as np
import pytest

from classifier.datasets import datasets
from classifier.networks.architectures import ARCHITECTURES, ImageSpec
from classifier.training.augmentation import augment
from classifier.training.recipe import (
    Augmentation,
    RecipeError,
    available_recipes,
    load_recipe,
    resolve_recipe,
)


@pytest.mark.parametrize("slug", available_recipes())
def test_every_recipe_builds_its_networks(slug: str) -> None:
    recipe = load_recipe(slug)
    dataset = datasets()[recipe.dataset]
    channels = recipe.channels or dataset.channels
    spec = ImageSpec(recipe.size, channels, (127.5,) * channels, (1000.0,) * channels)
    for member in recipe.member_recipes():
        # Building needs no downloaded weights.
        options = {key: value for key, value in member.network.items() if key != "weights"}
        network = ARCHITECTURES[member.architecture](spec, len(dataset.classes), **options)
        assert network.input_shape == (None, recipe.size, recipe.size, channels)
        assert network.output_shape == (None, len(dataset.classes))
        assert network.get_layer("logits").output.shape == (None, len(dataset.classes))
        assert network.layers[-1].name == "probabilities"


def test_one_recipe_per_dataset_is_recommended() -> None:
    recipes = [load_recipe(slug) for slug in available_recipes()]
    recommended = sorted(recipe.dataset for recipe in recipes if recipe.recommended)
    assert recommended == sorted(datasets())


def test_options_change_a_recipe() -> None:
    changed = resolve_recipe("blood-compact", {"epochs": 2, "seed": 7})
    assert (changed.epochs, changed.seed) == (2, 7)
    assert changed.architecture == load_recipe("blood-compact").architecture


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "typo.toml").write_text('title = "T"\nspeed = 3\n')
    with pytest.raises(RecipeError, match=r"typo\.toml: .*'speed'"):
        load_recipe("typo", tmp_path)


PLAIN = """
title = "T"
dataset = "bloodmnist"
architecture = "compact_resnet"
size = 28
epochs = 9
"""

ENSEMBLE = """
title = "T"
dataset = "bloodmnist"
architecture = "compact_resnet"
size = 28
epochs = 9
members = 2

[augmentation]
zoom = 0.1

[[heterogeneous_members]]
epochs = 4
augmentation = {shift = 0.2}
"""


def test_a_further_member_has_what_it_says_instead_of_the_recipes_own(tmp_path: Path) -> None:
    (tmp_path / "three.toml").write_text(ENSEMBLE)
    *alike, further = load_recipe("three", tmp_path).member_recipes()
    assert [(each.seed, each.epochs, each.augmentation.zoom) for each in alike] == [
        (1, 9, 0.1),
        (2, 9, 0.1),
    ]
    assert (further.seed, further.epochs, further.size) == (3, 4, 28)
    assert further.augmentation == Augmentation(shift=0.2)


def test_who_says_no_share_divides_the_rest(tmp_path: Path) -> None:
    (tmp_path / "three.toml").write_text(ENSEMBLE + "share = 0.2\n")
    recipe = load_recipe("three", tmp_path)
    assert recipe.member_shares() == pytest.approx([0.4, 0.4, 0.2])


@pytest.mark.parametrize("share", ["0", "-0.2", "1.0"])
def test_a_share_that_leaves_some_member_nothing_is_refused(tmp_path: Path, share: str) -> None:
    (tmp_path / "three.toml").write_text(f"{ENSEMBLE}share = {share}\n")
    with pytest.raises(RecipeError, match="less than 1%"):
        load_recipe("three", tmp_path)


def test_options_hold_for_heterogeneous_members_too() -> None:
    changed = resolve_recipe("blood-compact", {"epochs": 2, "network": {"weights": None}})
    assert [each.epochs for each in changed.member_recipes()] == [2, 2]
    assert changed.member_shares() == pytest.approx([0.8, 0.2])
    own = {"network": {"widths": [4]}, "seed": 5}
    recipe = resolve_recipe(
        "new", {"dataset": "d", "architecture": "a", "heterogeneous_members": (own,)}
    )
    assert recipe.member_recipes()[1].network == {"widths": [4]}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('optimizer = "sgd"', "optimizer cannot be 'sgd': input should be 'adamw' or 'adam'"),
        ('class_weights = "heavy"', "class_weights cannot be 'heavy'"),
        ('learning_rate = "fast"', "learning_rate cannot be 'fast'"),
        ("weight_decay = nan", "weight_decay cannot be nan"),
        ("epochs = 0", "epochs cannot be 0"),
        ("epochs = true", "epochs cannot be True"),
        ("members = 0", "members cannot be 0"),
        ("views = 3", "views cannot be 3: input should be 1, 2 or 8"),
        ("view_scales = [0.0]", "view_scales.0 cannot be 0.0"),
        ("view_scales = 0.9", "view_scales cannot be 0.9"),
        ('title = ""', "title cannot be ''"),
        ("[augmentation]\nshift = true", "augmentation.shift cannot be True"),
        ("[uncertainty]\ncoverage = 5.0", "coverage cannot be 5.0"),
        ("[uncertainty]\nfolds = 1", "folds is 0, or 2 or more"),
        ("[[heterogeneous_members]]\nepochs = 0", "epochs cannot be 0"),
        ("[[heterogeneous_members]]\nshare = nan", "less than 1%"),
        ('[[heterogeneous_members]]\nshare = "half"', "share cannot be 'half'"),
        ("[heterogeneous_members]\nepochs = 2", "heterogeneous_members cannot be"),
        ("heterogeneous_members = [1, 2]", "heterogeneous_members.0 cannot be 1"),
        ("epochs", "bad.toml: "),
    ],
)
def test_a_value_that_a_recipe_cannot_have_is_named(tmp_path: Path, lines: str, words: str) -> None:
    own = lines.partition(" = ")[0]
    kept = [line for line in PLAIN.splitlines() if not line.startswith(f"{own} ")]
    (tmp_path / "bad.toml").write_text("\n".join([*kept, lines]))
    with pytest.raises(RecipeError, match=re.escape(words)):
        load_recipe("bad", tmp_path)


def test_an_unknown_key_of_a_further_member_is_named(tmp_path: Path) -> None:
    (tmp_path / "typo.toml").write_text(ENSEMBLE + "speed = 3\n")
    with pytest.raises(RecipeError, match="a heterogeneous member cannot have its own 'speed'"):
        load_recipe("typo", tmp_path)


def test_flips_and_transpose_give_the_eight_symmetries() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    settings = Augmentation(flip_horizontal=True, flip_vertical=True, transpose=True)
    changed = augment(np.repeat(image[None], 400, axis=0), settings, seed=5)
    symmetries = {
        np.rot90(base, turn).tobytes() for base in (image, image[::-1]) for turn in range(4)
    }
    assert {each.tobytes() for each in changed} == symmetries


def test_augmentation_hangs_on_the_seed_alone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8)
    settings = Augmentation(rotation=20, shift=0.1, zoom=0.1, brightness=0.1, contrast=0.1)
    first = augment(images, settings, seed=5)
    assert (first == augment(images, settings, seed=5)).all()
    assert (first != augment(images, settings, seed=6)).any()
    assert first.shape == images.shape
    assert first.dtype == np.uint8


def test_no_augmentation_changes_nothing() -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    assert augment(images, Augmentation(), seed=1) is images


def test_the_last_epochs_have_an_augmentation_of_their_own() -> None:
    main, fine_tuning = Augmentation(zoom=0.2, stain=0.3), Augmentation(shift=0.1)
    recipe = load_recipe("blood-compact").changed(
        epochs=5,
        fine_tuning_epochs=2,
        augmentation=main,
        fine_tuning=fine_tuning,
    )
    assert [recipe.augmentation_in(epoch) for epoch in (1, 3)] == [main] * 2
    assert [recipe.augmentation_in(epoch) for epoch in (4, 5)] == [fine_tuning] * 2
    assert recipe.changed(epochs=1).augmentation_in(1) == fine_tuning


def test_options_for_the_network_are_added_to_the_recipes_own() -> None:
    changed = resolve_recipe("breast-compact", {"network": {"weights": None}})
    assert changed.network == load_recipe("breast-compact").network | {"weights": None}
