"""Declarative training recipes: one TOML file per model, read into frozen dataclasses."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from classifier.datasets import Dataset, datasets
from classifier.training.recipe_values import RecipeError, check_values

RECIPES_DIR = Path(__file__).parent / "recipes"

Selection = Literal["last", "val_loss", "val_accuracy", "val_balanced_accuracy", "val_auc"]

# What a further member may have of its own; it takes the same images as the first, in as many
# views.
OF_ONE_MEMBER: Final = {
    "architecture",
    "network",
    "seed",
    "epochs",
    "augmentation",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "warmup_epochs",
    "batch_size",
    "label_smoothing",
    "weight_averaging",
    "class_weights",
    "refining_epochs",
    "refining_learning_rate",
    "refining_warmup_epochs",
    "refining_weight_averaging",
    "refining",
    "share",
}

# Below it a member is not worth its time; and of several shares the rest is never exactly nothing.
SMALLEST_SHARE: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of the training images; zero or false leaves one out.

    `rotation` is in degrees to either side, `shift` and `zoom` are shares of the image's side,
    `brightness` and `contrast` shares of the full range. For `stain`, `light` and `recording` see
    `classifier.training.photometric`.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    transpose: bool = False
    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    stain: float = 0.0
    light: float = 0.0
    recording: float = 0.0
    fill_mode: Literal["reflect", "nearest", "constant", "wrap"] = "reflect"

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that a field cannot have."""
        check_values(self, "augmentation")


@dataclass(frozen=True, kw_only=True)
class UncertaintySettings:
    """Has the finished network calibrated, and the bundle say when it does not know.

    `coverage` is the share of cases in which the prediction set holds the true class, `acceptance`
    the share of validation images that shall look like those of the training. With `folds` the
    scores for temperature and sets are those of a cross-validation over training and validation
    images, where the latter alone are too few.
    """

    coverage: float = 0.95
    acceptance: float = 0.98
    folds: int = 0

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that a field cannot have."""
        check_values(self, "uncertainty")
        if self.folds == 1:
            raise RecipeError("uncertainty: folds is 0, or 2 or more.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what `train_model` produces from a data file.

    `weight_averaging` is the decay per step of the exponential moving average of the weights, 0 for
    none. `selection` names the column of the history that picks the epoch whose weights are kept.

    The last `refining_epochs` of all are a training of their own, which begins with the weights so
    far: see `refining_recipe`. Their augmentation is `refining`, so that a network which saw only
    changed images gets used to those as they are: He et al. 2019, "Data augmentation revisited:
    rethinking the distribution gap between clean and augmented data".

    The finished network averages what it makes of 2 or 8 `views` of an image: with its mirror
    image, or in all the symmetries of the square. It sees each at all `view_scales`, which say how
    much of the image's side is seen; what lies beyond the edge is mirrored. And it averages over
    `members`, which are trained alike but for their seed, one above the other, and over
    `further_members`, of which each says what it has instead of the recipe's own fields, and may
    say its `share` in the mean; see `OF_ONE_MEMBER`. `half_precision` stores the weights as
    float16, in half the space. `differs_from_report` says in sentences what a recipe of the
    original report did otherwise.
    """

    slug: str
    title: str
    dataset: str
    architecture: str
    size: int
    epochs: int
    summary: str = ""
    channels: int | None = None
    recommended: bool = False
    network: dict[str, Any] = field(default_factory=dict)
    augmentation: Augmentation = Augmentation()
    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 1e-3
    refining_learning_rate: float = 0.0
    refining_warmup_epochs: float = 0.0
    refining_weight_averaging: float = 0.0
    weight_decay: float = 1e-4
    warmup_epochs: float = 1.0
    batch_size: int = 128
    label_smoothing: float = 0.0
    weight_averaging: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    selection: Selection = "val_loss"
    refining_epochs: int = 0
    refining: Augmentation = Augmentation()
    views: Literal[1, 2, 8] = 1
    view_scales: tuple[float, ...] = (1.0,)
    members: int = 1
    further_members: tuple[dict[str, Any], ...] = ()
    uncertainty: UncertaintySettings | None = None
    half_precision: bool = False
    seed: int = 1
    reported: dict[str, float] | None = None
    differs_from_report: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that a field, or a further member, cannot have."""
        check_values(self, self.slug)
        if not self.view_scales or min(self.view_scales) <= 0:
            raise RecipeError(f"{self.slug}: view_scales are shares of the image's side above 0.")
        if self.further_members:
            self._check_further_members()

    def _check_further_members(self) -> None:
        for changes in self.further_members:
            if others := changes.keys() - OF_ONE_MEMBER:
                names = ", ".join(map(repr, sorted(others)))
                raise RecipeError(f"{self.slug}: a further member cannot have its own {names}.")
            if not isinstance(changes.get("share", 0.0), int | float):
                raise RecipeError(f"{self.slug}: share cannot be {changes['share']!r}.")
        if not all(share >= SMALLEST_SHARE for share in self.member_shares()):
            raise RecipeError(
                f"{self.slug}: the shares leave some member less than {SMALLEST_SHARE:.0%}."
            )
        # Each of which checks its own values.
        self.member_recipes()

    def member_recipes(self) -> list["Recipe"]:
        """Give one recipe for each network that the finished one averages over."""
        alone: dict[str, Any] = {"members": 1, "further_members": ()}
        return [
            replace(self, **alone | {"seed": self.seed + number} | _without(changes, {"share"}))
            for number, changes in enumerate([{}] * self.members + list(self.further_members))
        ]

    def member_shares(self) -> list[float]:
        """Give the share of each network's logits in the mean; those without divide the rest."""
        given = [None] * self.members + [each.get("share") for each in self.further_members]
        rest = 1 - sum(share for share in given if share is not None)
        return [rest / given.count(None) if share is None else share for share in given]

    @property
    def main_epochs(self) -> int:
        """Number of the epochs before those that refine; none in a run shorter than these."""
        return max(0, self.epochs - self.refining_epochs)

    def augmentation_in(self, epoch: int) -> Augmentation:
        """Give what happens to the images in an epoch (1-based)."""
        return self.augmentation if epoch <= self.main_epochs else self.refining

    def refining_recipe(self) -> "Recipe":
        """Give the recipe of the epochs that refine."""
        return replace(
            self,
            epochs=self.epochs - self.main_epochs,
            refining_epochs=0,
            augmentation=self.refining,
            learning_rate=self.refining_learning_rate,
            warmup_epochs=self.refining_warmup_epochs,
            weight_averaging=self.refining_weight_averaging,
        )


def available_recipes(directory: Path = RECIPES_DIR) -> list[str]:
    """Give the slugs that have a recipe, in alphabetical order."""
    return sorted(path.stem for path in directory.glob("*.toml"))


def load_recipe(slug: str, directory: Path = RECIPES_DIR) -> Recipe:
    """Read the recipe of a slug.

    Raises RecipeError when there is none of that name, when its file is no TOML, and when a key is
    unknown or missing or has a value that it cannot have.
    """
    if slug not in available_recipes(directory):
        known = ", ".join(available_recipes(directory))
        raise RecipeError(f"There is no recipe named {slug!r}. Known recipes: {known}.")
    try:
        values = tomllib.loads((directory / f"{slug}.toml").read_text(encoding="utf-8"))
        return Recipe(slug=slug, **_structured(values))
    except (TypeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{slug}.toml: {error}") from error


def _structured(values: dict[str, Any]) -> dict[str, Any]:
    """Turn the tables and arrays of a TOML file into what a Recipe has in their place."""
    uncertainty = values.pop("uncertainty", None)
    for name in ("view_scales", "further_members", "differs_from_report"):
        if not isinstance(values.get(name, []), list):
            raise RecipeError(f"{name} is a list; that of members has two brackets.")
    if not all(isinstance(changes, dict) for changes in values.get("further_members", ())):
        raise RecipeError("further_members are tables, each of what a member has of its own.")
    further = [changes | _augmentations(changes) for changes in values.pop("further_members", ())]
    return (
        values
        | _augmentations(values)
        | {
            "uncertainty": None if uncertainty is None else UncertaintySettings(**uncertainty),
            "further_members": tuple(further),
            "view_scales": tuple(values.pop("view_scales", (1.0,))),
            "differs_from_report": tuple(values.pop("differs_from_report", ())),
        }
    )


def _augmentations(values: Mapping[str, Any]) -> dict[str, Augmentation]:
    return {
        name: Augmentation(**values[name])
        for name in ("augmentation", "refining")
        if name in values
    }


def resolve_recipe(slug: str, overrides: Mapping[str, Any]) -> Recipe:
    """Give the recipe of a slug changed by `overrides`, or a new one made of them.

    `overrides` are fields of Recipe; those of `network` are added to the recipe's own. They hold
    for further members as well.
    Raises RecipeError when a new slug comes without dataset and architecture.
    """
    if slug in available_recipes():
        recipe = load_recipe(slug)
        network = recipe.network | overrides.get("network", {})
        further = tuple(_overridden(changes, overrides) for changes in recipe.further_members)
        return replace(
            recipe, **{"further_members": further} | dict(overrides) | {"network": network}
        )
    if not {"dataset", "architecture"} <= overrides.keys():
        known = ", ".join(available_recipes())
        raise RecipeError(
            f"There is no recipe named {slug!r} (known: {known}); "
            "a new model needs --dataset and --architecture."
        )
    defaults: dict[str, Any] = {"title": slug, "size": 28, "epochs": 30}
    return Recipe(slug=slug, **(defaults | dict(overrides)))


def _overridden(changes: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What a further member has of its own, but for what overrides it."""
    left = _without(changes, overrides.keys() - {"network"})
    if "network" in left:
        left["network"] = left["network"] | overrides.get("network", {})
    return left


def _without(changes: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name not in names}


def dataset_of(recipe: Recipe) -> Dataset:
    """Give the dataset of a recipe. Raises RecipeError when it is not known."""
    try:
        return datasets()[recipe.dataset]
    except KeyError:
        known = ", ".join(datasets())
        raise RecipeError(f"There is no dataset {recipe.dataset!r}. Known: {known}.") from None
