"""Declarative training recipes: one TOML file per model, read into frozen objects."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from classifier.bundles.schema import (
    LONGEST_ARCHITECTURE,
    LONGEST_SLUG,
    LONGEST_TITLE,
    Count,
    Many,
    Number,
    Reported,
    problem,
)
from classifier.datasets import Dataset, datasets
from classifier.errors import PlainError

RECIPES_DIR = Path(__file__).parent / "recipes"

# What a heterogeneous member may have of its own; it takes the same images as the first, in as many
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
    "fine_tuning_epochs",
    "fine_tuning_learning_rate",
    "fine_tuning_warmup_epochs",
    "fine_tuning_weight_averaging",
    "fine_tuning",
    "share",
}
# Below it a member is not worth its time; and of several shares the rest is never exactly nothing.
SMALLEST_SHARE: Final = 0.01

Selection = Literal["last", "val_loss", "val_accuracy", "val_balanced_accuracy", "val_auc"]
Fraction = Annotated[Number, Field(ge=0, le=1)]
NotNegative = Annotated[Number, Field(ge=0)]
Counted = Annotated[int, Field(ge=1)]


class RecipeError(PlainError):
    """A recipe that does not exist or does not say what it must."""


class Settings(BaseModel):
    """A part of a recipe: frozen, of exact types, and without a name that nothing reads."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )


Part = TypeVar("Part", bound=Settings)


def checked(part: type[Part], values: Mapping[str, Any], where: str) -> Part:
    """Settings of these values. Raises RecipeError that names `where` and every unfit value."""
    try:
        return part.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise RecipeError(f"{where}: {' '.join(map(_sentence, found))}") from error


def _sentence(error: Any) -> str:
    place, message = ".".join(map(str, error["loc"])), error["msg"]
    match error["type"]:
        case "missing":
            return f"{place} is missing."
        case "extra_forbidden":
            return f"there is no setting {place!r}."
        case "problem" if not place:
            return f"{message}."
        case _:
            return f"{place} cannot be {error['input']!r}: {message[0].lower()}{message[1:]}."


class FrameCrops(Settings):
    """Cuts a `share` of the training images anew from the frames that they come from.

    Seen is up to `scale` times the image's side, or that much less, mostly about the side itself;
    the middle is off by up to `shift` of what is seen, to any side; a share `turned` is turned by
    any angle. Of these images a share `found` is not cut from the middle but, with half the range
    of scales, about the box in which the cell is found in uploads, which follows the cell's size.
    See `classifier.training.frame_crops`.
    """

    share: Annotated[Number, Field(gt=0, le=1)]
    scale: Annotated[Number, Field(ge=1, le=4)] = 1.0
    shift: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    turned: Fraction = 0.0
    found: Fraction = 0.0


class Augmentation(Settings):
    """Random changes of the training images; zero or false leaves one out.

    `rotation` is in degrees to either side, `shift` and `zoom` are fractions of the image's side,
    `brightness` and `contrast` fractions of the full range. For `stain`, `light`, `hue`,
    `saturation` and `recording` see `classifier.training.photometric`.
    """

    frames: FrameCrops | None = None
    flip_horizontal: bool = False
    flip_vertical: bool = False
    transpose: bool = False
    rotation: Number = 0.0
    shift: Number = 0.0
    zoom: Number = 0.0
    brightness: Number = 0.0
    contrast: Number = 0.0
    stain: Number = 0.0
    light: Number = 0.0
    hue: Number = 0.0
    saturation: Number = 0.0
    recording: Number = 0.0
    fill_mode: Literal["reflect", "nearest", "constant", "wrap"] = "reflect"


class LimitSettings(Settings):
    """Has the finished network calibrated, and the bundle say when it does not know.

    `coverage` is the fraction of cases in which the prediction set holds the true class,
    `acceptance` the fraction of validation images that shall look like those of the training. With
    `folds` the scores for temperature and sets are those of a cross-validation over training and
    validation images, where the latter alone are too few. With `shifted` validation images,
    changed as the recipe's augmentation changes those of the training, have a say in the limits,
    and there are two of them: see `fit_limits`. `references` is how many training images stand for
    all, to save space; zero for all.
    """

    coverage: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    acceptance: Annotated[Number, Field(gt=0.5, lt=1)] = 0.98
    folds: Count = 0
    shifted: bool = False
    references: Count = 0

    @field_validator("folds")
    @classmethod
    def one_fold_is_none(cls, folds: int) -> int:
        """A single fold would leave nothing to train on."""
        if folds == 1:
            raise problem("folds is 0, or 2 or more")
        return folds


class Recipe(Settings):
    """How a model is made. The bundle's metadata repeat all of it but name and figures.

    `network` holds options of the architecture's builder. `channels` defaults to the dataset's.
    `selection` says by what the epoch is chosen whose weights are kept. In the last
    `fine_tuning_epochs` the images are changed as `fine_tuning` says, and these epochs are a
    training of their own, from the weights so far, with their own learning rate, warmup and weight
    averaging. The finished network sees an image in as many `views` as there are symmetries of the
    square (1, 2 or 8), each at all `view_scales`, and averages the logits; over `members`, which
    are trained alike but for their seed, as well, and over `heterogeneous_members`, of which each
    says what it has instead of the recipe's own settings, and may say its `share` in the mean; see
    `OF_ONE_MEMBER`. `half_precision` stores the weights as float16, in half the space;
    `mixed_precision` trains in bfloat16 with weights in float32, which processors with a unit for
    it do in half the time.
    `starts_from` names a shipped model of the same architecture and size, whose first network's
    weights the training begins with in place of random ones.
    `differs_from_report` says in sentences what a recipe of the original report did otherwise.
    """

    slug: Annotated[str, StringConstraints(max_length=LONGEST_SLUG)]
    title: Annotated[str, StringConstraints(max_length=LONGEST_TITLE, pattern=r"\S")]
    dataset: str
    architecture: Annotated[str, StringConstraints(max_length=LONGEST_ARCHITECTURE)]
    size: Annotated[int, Field(ge=1, le=1024)]
    summary: str = ""
    channels: Literal[1, 3] | None = None
    recommended: bool = False
    epochs: Counted
    network: dict[str, Any] = {}
    augmentation: Augmentation = Augmentation()
    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: NotNegative = 1e-3
    fine_tuning_learning_rate: NotNegative = 0.0
    fine_tuning_warmup_epochs: NotNegative = 0.0
    fine_tuning_weight_averaging: Fraction = 0.0
    weight_decay: NotNegative = 1e-4
    warmup_epochs: NotNegative = 1.0
    batch_size: Counted = 128
    label_smoothing: Fraction = 0.0
    weight_averaging: Fraction = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    selection: Selection = "val_loss"
    fine_tuning_epochs: Count = 0
    fine_tuning: Augmentation = Augmentation()
    views: Literal[1, 2, 8] = 1
    view_scales: Annotated[
        tuple[Annotated[Number, Field(gt=0)], ...], Field(strict=False, min_length=1)
    ] = (1.0,)
    members: Counted = 1
    heterogeneous_members: Many[dict[str, Any]] = ()
    uncertainty: LimitSettings | None = None
    half_precision: bool = False
    mixed_precision: bool = False
    starts_from: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    differs_from_report: Many[str] = ()
    reported: Reported | None = None

    @model_validator(mode="after")
    def members_can_be(self) -> Self:
        """Each member has only what a member may have, and some share in the mean."""
        for own in self.heterogeneous_members:
            if others := own.keys() - OF_ONE_MEMBER:
                names = ", ".join(map(repr, sorted(others)))
                raise problem("a heterogeneous member cannot have its own {names}", names=names)
            if not isinstance(own.get("share", 0.0), int | float):
                raise problem("share cannot be {share}", share=repr(own["share"]))
        if not all(share >= SMALLEST_SHARE for share in self.member_shares()):
            raise problem("the shares leave some member less than 1%")
        if self.heterogeneous_members:
            try:
                self.member_recipes()
            except RecipeError as error:
                raise problem("{error}", error=str(error).rstrip(".")) from error
        return self

    def changed(self, **changes: Any) -> "Recipe":
        """The same with other settings. Raises RecipeError for one that it cannot have."""
        return checked(Recipe, dict(self) | changes, self.slug)

    def member_recipes(self) -> list["Recipe"]:
        """One recipe for each network that the finished one averages over."""
        alone: dict[str, Any] = {"members": 1, "heterogeneous_members": ()}
        return [
            self.changed(**alone | {"seed": self.seed + number} | _without(own, {"share"}))
            for number, own in enumerate([{}] * self.members + list(self.heterogeneous_members))
        ]

    def member_shares(self) -> list[float]:
        """The share of each network's logits in the mean; those without one divide the rest."""
        given = [None] * self.members + [own.get("share") for own in self.heterogeneous_members]
        rest = 1 - sum(share for share in given if share is not None)
        return [rest / given.count(None) if share is None else share for share in given]

    @property
    def needs_frames(self) -> bool:
        """Whether training images are cut anew from their frames."""
        return bool(self.augmentation.frames or self.fine_tuning.frames)

    @property
    def needs_cells(self) -> bool:
        """Whether some are cut about the cell that is found."""
        every = (self.augmentation.frames, self.fine_tuning.frames)
        return any(frames.found > 0 for frames in every if frames)

    @property
    def main_epochs(self) -> int:
        """Number of the epochs before fine-tuning; none in a run shorter than that."""
        return max(0, self.epochs - self.fine_tuning_epochs)

    def augmentation_in(self, epoch: int) -> Augmentation:
        """What happens to the images in an epoch (1-based)."""
        return self.augmentation if epoch <= self.main_epochs else self.fine_tuning

    def fine_tuning_recipe(self) -> "Recipe":
        """The recipe of the epochs that fine-tune."""
        return self.changed(
            epochs=self.epochs - self.main_epochs,
            fine_tuning_epochs=0,
            augmentation=self.fine_tuning,
            learning_rate=self.fine_tuning_learning_rate,
            warmup_epochs=self.fine_tuning_warmup_epochs,
            weight_averaging=self.fine_tuning_weight_averaging,
        )


def _without(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def available_recipes(directory: Path = RECIPES_DIR) -> list[str]:
    """The slugs that have a recipe, in alphabetical order."""
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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{slug}.toml: {error}") from error
    return checked(Recipe, {"slug": slug} | values, f"{slug}.toml")


def resolve_recipe(slug: str, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a slug changed by `overrides`, or a new one made of them.

    `overrides` are settings of a Recipe; those of `network` are added to the recipe's own. They
    hold for heterogeneous members as well.
    Raises RecipeError when a new slug comes without dataset and architecture.
    """
    if slug in available_recipes():
        recipe = load_recipe(slug)
        members = tuple(_overridden(own, overrides) for own in recipe.heterogeneous_members)
        network = recipe.network | overrides.get("network", {})
        return recipe.changed(
            **{"heterogeneous_members": members} | dict(overrides) | {"network": network}
        )
    if not {"dataset", "architecture"} <= overrides.keys():
        known = ", ".join(available_recipes())
        raise RecipeError(
            f"There is no recipe named {slug!r} (known: {known}); "
            "a new model needs --dataset and --architecture."
        )
    defaults: dict[str, Any] = {"slug": slug, "title": slug, "size": 28, "epochs": 30}
    return checked(Recipe, defaults | dict(overrides), slug)


def _overridden(own: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What a heterogeneous member has of its own, but for what overrides it."""
    left = _without(own, overrides.keys() - {"network"})
    if "network" in left:
        left["network"] = left["network"] | overrides.get("network", {})
    return left


def dataset_of(recipe: Recipe) -> Dataset:
    """The dataset of a recipe. Raises RecipeError when it is not known."""
    try:
        return datasets()[recipe.dataset]
    except KeyError:
        known = ", ".join(datasets())
        raise RecipeError(f"There is no dataset {recipe.dataset!r}. Known: {known}.") from None
