"""What is known of a training, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classifier.bundles.schema import Training

# How often the network sees an image, by `views`.
VIEWS = {1: "", 2: " and its mirror image", 8: " and all its quarter turns and mirror images"}


@dataclass(frozen=True)
class HeterogeneousMember:
    """A network of an ensemble that was trained otherwise, and its weight in the mean."""

    proportion: float | None
    settings: str


@dataclass(frozen=True)
class TrainingView:
    """The metadata of a training, with what has to be put into words.

    `notes` are the entries as they stand, for a network from elsewhere whose training is not known.
    """

    known: Training

    @property
    def has_duration(self) -> bool:
        """Whether it is known how long the training took and which epoch was kept."""
        given = self.known
        return None not in (given.epochs, given.minutes, given.selected_epoch, given.selection)

    @property
    def has_optimisation(self) -> bool:
        """Whether the optimiser and all of its settings are known."""
        given = self.known
        return None not in (
            given.optimizer, given.learning_rate, given.weight_decay, given.batch_size,
            given.label_smoothing, given.class_weights,
        )  # fmt: skip

    @property
    def has_software(self) -> bool:
        """Whether seed and versions are known, so that the training can be repeated."""
        return self.known.software is not None and self.known.seed is not None

    @property
    def notes(self) -> list[str]:
        """All entries, where none of the sentences can be written; else none."""
        known = self.known
        if known.network is not None or known.augmentation is not None or known.software:
            return []
        if self.has_duration or self.has_optimisation:
            return []
        return [f"{name.replace('_', ' ')}: {value}" for name, value in known.as_json().items()]

    @property
    def augmentation(self) -> str:
        """The changes made to training images."""
        return changes(self.known.augmentation or {})

    @property
    def fine_tuning(self) -> str:
        """The changes made to them in the last epochs."""
        return changes(self.known.fine_tuning)

    @property
    def views(self) -> str:
        """In how many ways an image is seen; empty where it is seen once, as it is."""
        if self.known.views == len(self.known.view_scales) == 1:
            return ""
        sides = ", ".join(f"{100 * scale:.0f} %" for scale in self.known.view_scales)
        scaled = f", showing {sides} of the side," if len(self.known.view_scales) > 1 else ""
        return f"an image{VIEWS[self.known.views]}{scaled}"

    @property
    def heterogeneous_members(self) -> list[HeterogeneousMember]:
        """What the ensemble's other networks were trained with."""
        return [
            HeterogeneousMember(
                proportion=member.get("share"),
                settings="; ".join(
                    f"{name.replace('_', ' ')} {_setting(name, value)}"
                    for name, value in member.items()
                    if name != "share"
                ),
            )
            for member in self.known.heterogeneous_members
        ]


def changes(augmentation: Mapping[str, Any]) -> str:
    """The kinds of random change that are in use, with their strength."""
    chosen = [
        name.replace("_", " ") if value is True else f"{name} {_strength(value)}"
        for name, value in augmentation.items()
        if value and name != "fill_mode"
    ]
    return ", ".join(chosen) or "none"


def _strength(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return f"({', '.join(f'{name} {each}' for name, each in value.items())})"


def _setting(name: str, value: Any) -> str:
    if name in {"augmentation", "fine_tuning"}:
        return changes(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)
